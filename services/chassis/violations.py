"""Sentences for people about the invalid fields of requests."""

import re
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from services.chassis.errors import FieldViolation, InvalidArgumentError
from services.chassis.language import Localized

# The fields of all requests in Chinese. In English a field is called by its own name.
FIELDS: Mapping[str, str] = {
    "account_id": "账号编号",
    "account_ids": "账号编号",
    "acquisition_id": "领取编号",
    "action": "操作",
    "activation_code": "激活码",
    "activation_status": "激活状态",
    "actor": "操作人",
    "added_days": "增加的天数",
    "address": "地址",
    "after_account_id": "起始账号编号",
    "after_position": "起始位置",
    "after_sequence": "起始序号",
    "all": "是否全部",
    "all_events": "是否接收全部通知",
    "anchor_digest": "核对摘要",
    "anchor_position": "核对位置",
    "batch_id": "批次编号",
    "begin": "起始位置",
    "channel_id": "渠道编号",
    "code": "激活码片段",
    "count": "数量",
    "days_from": "天数起算方式",
    "email": "邮箱",
    "enabled": "是否启用",
    "event_id": "事件编号",
    "events": "通知类型",
    "expired_time": "到期时间",
    "fakeid": "公众号标识",
    "id": "编号",
    "ids": "编号",
    "inline_qr": "是否附带二维码",
    "kind": "类型",
    "language": "语言",
    "login_key": "登录编号",
    "name": "名称",
    "new_password": "新密码",
    "note": "备注",
    "old_password": "旧密码",
    "outcome": "使用结果",
    "owner_email": "所有者邮箱",
    "owner_id": "所有者编号",
    "page": "页码",
    "page_token": "翻页标记",
    "password": "密码",
    "query": "搜索词",
    "redeem_before": "兑换期限",
    "redeemed_time": "兑换时间",
    "request_id": "请求编号",
    "role": "角色",
    "rotate_secret": "是否更换密钥",
    "size": "每页条数",
    "status": "状态",
    "subject_id": "对象编号",
    "target": "操作对象",
    "ticket": "重设密码凭证",
    "to_admins": "是否通知管理员",
    "token": "公众号编号",
    "totp": "动态验证码",
    "user_id": "用户编号",
    "valid_days": "有效天数",
    "valid_until": "有效期",
    "value": "值",
    "values": "内容",
    "wait_seconds": "等待秒数",
}
_AT_LEAST = Localized("至少 {min_length} 个字符", "at least {min_length} characters")
_AT_MOST = Localized("最多 {max_length} 个字符", "at most {max_length} characters")
_AT_MOST_ITEMS = Localized("最多 {max_length} 项", "at most {max_length} items")
# By pydantic's error types; the placeholders are those of pydantic's `ctx`.
_EXPECTED: Mapping[str, Localized] = {
    "missing": Localized("不能缺少", "must be given"),
    "extra_forbidden": Localized("不是已知的字段", "no such field"),
    "string_type": Localized("应为文字", "must be text"),
    "int_type": Localized("应为整数", "must be a whole number"),
    "bool_type": Localized("应为 true 或 false", "must be true or false"),
    "datetime_type": Localized("应为时间", "must be a time"),
    "list_type": Localized("应为列表", "must be a list"),
    "model_type": Localized("应为对象", "must be an object"),
    "string_too_short": _AT_LEAST,
    "string_too_long": _AT_MOST,
    # Of a text that has passed a validator.
    "too_short": _AT_LEAST,
    "too_long": _AT_MOST,
    "greater_than_equal": Localized("不能小于 {ge}", "must be at least {ge}"),
    "less_than_equal": Localized("不能大于 {le}", "must be at most {le}"),
}
_ANYTHING_ELSE = Localized("填写有误", "is not valid")


class InvalidValueError(ValueError):
    """Raised by validators: a value of a request is invalid. `expected` is that of violation()."""

    def __init__(self, expected: Localized) -> None:
        super().__init__(expected.en)
        self.expected = expected


def violation(field: str, expected: Localized) -> FieldViolation:
    """Returns the violation of `field`; `expected` continues a sentence after its name, as "至少 6 个字符" does.

    Without a field, `expected` is the whole sentence. A field of a list is for example "account_ids.3".
    """
    if not field:
        return FieldViolation(field, expected)
    name = FIELDS.get(field.partition(".")[0], f"{field} ")
    return FieldViolation(field, Localized(f"{name}{expected.zh}", f"{field}: {expected.en}"))


def invalid(field: str, expected: Localized) -> InvalidArgumentError:
    """Returns the error for one invalid field; see violation()."""
    return InvalidArgumentError(violations=(violation(field, expected),))


def violation_of(problem: ErrorDetails) -> FieldViolation:
    """Returns the violation for an error of pydantic. It does not contain the value."""
    return violation(".".join(str(part) for part in problem["loc"]), _expected(problem))


def _expected(problem: ErrorDetails) -> Localized:
    kind, context = problem["type"], problem.get("ctx", {})
    if isinstance(error := context.get("error"), InvalidValueError):
        return error.expected
    if context.get("field_type") == "List" and kind == "too_long":
        return _AT_MOST_ITEMS.with_values(**context)
    if context.get("min_length") == 1:
        return Localized("不能为空", "must not be empty")
    if kind == "literal_error":
        # pydantic writes them as 'pending', 'active' or 'expired'.
        values = re.findall(r"'([^']*)'", context["expected"])
        return Localized(f"应为以下之一：{'、'.join(values)}", f"must be one of {', '.join(values)}")
    return _EXPECTED.get(kind, _ANYTHING_ELSE).with_values(**context)
