/** What an admin may type to filter the audit log: names instead of ids. */

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SERVICE = "service:";
const MOST_SHOWN = 5;

/** No account, or several, match what was typed. `emails` are those of the first few. */
export class NotOneAccountError extends Error {
  constructor(typed, emails) {
    super(typed);
    this.typed = typed;
    this.emails = emails;
  }
}

/** Returns the actor for `typed`: an id, "service:" and a name, or an account's e-mail or a part of it. */
export async function actorOf(api, typed, signal) {
  return !typed || typed.startsWith(SERVICE) ? typed : accountOf(api, typed, signal);
}

/** Returns the target in the log `log` for `typed`. The services find codes and official accounts by their names. */
export async function targetOf(api, log, typed, signal) {
  const isAccount = typed && (log === "identity" || typed.includes("@"));
  return isAccount ? accountOf(api, typed, signal) : typed;
}

async function accountOf(api, typed, signal) {
  if (ID.test(typed)) return typed;
  const { items, total } = await api.get("/admin/users", {
    query: { email: typed, size: MOST_SHOWN },
    signal,
  });
  const exact = items.find(({ email }) => email.toLowerCase() === typed.toLowerCase());
  if (exact) return exact.id;
  if (total === 1) return items[0].id;
  throw new NotOneAccountError(
    typed,
    items.map(({ email }) => email),
  );
}
