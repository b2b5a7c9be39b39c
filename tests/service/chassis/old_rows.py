"""Rows as the code of each service's first revision wrote them, and rows that its later revisions added."""

from dataclasses import dataclass
from typing import LiteralString

OWNER: LiteralString = "6a1f8a1c-0000-4000-8000-000000000001"
CODE: LiteralString = "0123456789abcdef" * 2
TIME: LiteralString = "2026-01-02T03:04:05.000006Z"


@dataclass(frozen=True)
class OldRows:
    """`inserts` holds what a revision's code writes, by revision; `survivors` what must be found ever after."""

    package: str
    inserts: dict[str, LiteralString]
    survivors: dict[LiteralString, tuple[object, ...]]


IDENTITY = OldRows(
    "services.identity",
    {
        "0001": f"""
            INSERT INTO accounts (id, email, email_key, password_hash, role, activation_status, activation_code,
                expired_time, created_at, updated_at)
            VALUES ('{OWNER}', 'Ann@example.com', 'ann@example.com', '$pbkdf2-sha256$1$x$y', 'admin', 'active',
                '{CODE}', '{TIME}', '{TIME}', '{TIME}');
            UPDATE account_feed SET sequence = 1;
            INSERT INTO account_changes VALUES (1, '{OWNER}', 'changed', '{TIME}');
            INSERT INTO account_activations VALUES ('{CODE}', '{OWNER}', '{TIME}', '{TIME}', NULL)""",
        "0002": f"INSERT INTO known_networks VALUES ('{OWNER}', '192.0.2.1', '{TIME}')",
        "0003": """
            INSERT INTO audit_log (time, action, outcome, actor, actor_email, target, client_address, request_id,
                details) VALUES (now(), 'sign_in', 'ok', '', '', '', '', '', '{}')""",
        "0009": f"INSERT INTO password_links VALUES ('{OWNER}', 'digest', '{OWNER}', '{TIME}', '{TIME}')",
        "0011": f"INSERT INTO recovery_codes VALUES ('{OWNER}', 'digest')",
        "0012": "INSERT INTO overview_count_deltas (kind, day, delta) VALUES ('sign_in', '2026-01-02', 3)",
    },
    {
        "SELECT email, role, activation_status, activation_code FROM accounts": (
            "Ann@example.com",
            "admin",
            "active",
            CODE,
        ),
        "SELECT sequence, pruned_up_to FROM account_feed": (1, 0),
        "SELECT sequence, kind FROM account_changes": (1, "changed"),
        "SELECT account_id::text FROM account_activations": (OWNER,),
    },
)
ACTIVATION = OldRows(
    "services.activation",
    {
        "0001": f"""
            INSERT INTO activation_codes
            VALUES (gen_random_uuid(), '{CODE}', 'ann@example.com', '{OWNER}', 'active', '{TIME}',
                '{TIME}', 30, '{TIME}', '{TIME}');
            INSERT INTO generation_requests VALUES ('request', '{OWNER}', 30, 1, '{TIME}',
                decode(repeat('ab', 32), 'hex'));
            UPDATE feed_cursor SET sequence = 7""",
        "0006": f"""
            INSERT INTO code_batches
                VALUES (gen_random_uuid(), 'note', 30, 'expiry', '{TIME}', '{TIME}', '{OWNER}')""",
        "0010": "INSERT INTO notification_outbox (event_id, is_withdrawal) VALUES ('e', true)",
    },
    {
        "SELECT activation_code, account_id::text, valid_days FROM activation_codes": (CODE, OWNER, 30),
        "SELECT sum(delta) FROM code_count_deltas": (1,),
        "SELECT request_id, octet_length(codes) FROM generation_requests": ("request", 32),
        "SELECT sequence FROM feed_cursor": (7,),
    },
)
WECHAT_COOKIE = OldRows(
    "services.wechat_cookie",
    {
        "0001": f"""
            INSERT INTO cookies (id, token, owner_id, owner_email, created_time, expire_time, is_current, jar,
                revision)
            VALUES ('{OWNER}', '1001', '{OWNER}', 'ann@example.com', now(), now() + interval '88 hours', true,
                'gAAAA', 1);
            INSERT INTO acquisitions (id, cookie_id, token, owner_id, owner_email, caller, request_id,
                client_address, acquired_time)
            VALUES ('{OWNER}', '{OWNER}', '1001', '{OWNER}', 'ann@example.com', 'collector', 'r', '', now());
            UPDATE feed_cursor SET sequence = 7""",
        "0002": f"""
            INSERT INTO logins (id, version, owner_id, owner_email, stage, step, started_at, next_poll_at,
                claim_seconds, attempt, in_flight, doubtful, operator, refresh_count, failure_told, last_sequence,
                message, last_seen_at)
            VALUES ('{CODE}', 1, '{OWNER}', 'ann@example.com', 'preparing', 'start', now(), now(), 1, 0, false,
                false, false, 0, false, 0, '', now());
            INSERT INTO login_events VALUES ('{CODE}', 1, now(), 'progress', '')""",
        "0009": f"INSERT INTO cookie_count_deltas (health, hour, delta) VALUES ('ok', '{TIME}', 2)",
        "0011": f"""
            UPDATE cookies SET request_times = ARRAY['{TIME}'::timestamptz], next_request_time = '{TIME}',
                health_time = '{TIME}', probe_after = '{TIME}'""",
        "0012": f"UPDATE logins SET quick_until = '{TIME}'",
    },
    {
        "SELECT token, local, health, jar FROM cookies": ("1001", "static/cookies/1001", "ok", b"gAAAA"),
        "SELECT caller FROM acquisitions": ("collector",),
        "SELECT sequence FROM feed_cursor": (7,),
    },
)
NOTIFICATIONS = OldRows(
    "services.notifications",
    {
        "0001": f"""
            INSERT INTO events VALUES ('activation', 'e', '{TIME}', NULL, '{TIME}');
            INSERT INTO notifications (id, publisher, event_id, owner_id, kind, subject_id, title_zh, title_en,
                text_zh, text_en, create_time, valid_until)
            VALUES ('{OWNER}', 'activation', 'e', '{OWNER}', 'cookie.dead', '', '', 'title', '', '', '{TIME}',
                '{TIME}');
            INSERT INTO channels (id, owner_id, kind, name, secrets, address_hint, events, language, enabled,
                create_time)
            VALUES ('{OWNER}', '{OWNER}', 'webhook', 'mine', 'x', 'a', '{{}}', 'en', true, '{TIME}');
            INSERT INTO deliveries (notification_id, channel_id, owner_id, next_attempt_time, create_time)
            VALUES ('{OWNER}', '{OWNER}', '{OWNER}', '{TIME}', '{TIME}');
            INSERT INTO account_days (account_id, changed_sequence) VALUES ('{OWNER}', 1)""",
    },
    {
        "SELECT title_en FROM notifications": ("title",),
        "SELECT name, enabled, failures FROM channels": ("mine", True, 0),
        "SELECT state, attempts FROM deliveries": ("pending", 0),
        "SELECT known_sequence FROM account_days": (-1,),
    },
)
