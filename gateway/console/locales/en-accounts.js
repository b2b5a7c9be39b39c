/** English messages about passwords. */
export const enAccounts = {
  "page.new_password": "Set a new password",
  "field.show_password": "Show password",
  "sign_in.forgot": "Forgot your password? Ask an administrator for a link to set a new one.",
  "sign_in.password_set": "Your password is set. Sign in with it.",
  "new_password.title": "Set a new password",
  "new_password.how": "This signs the account out on every device.",
  "new_password.submit": "Set password",
  "new_password.no_ticket": "Open the link from your administrator again.",
  "password_link.title": "Password link",
  "password_link.forgotten": "Forgotten password?",
  "password_link.what": "Creates a link with which the user of {email} can set a new password. It works once, within 24 hours; an earlier link stops working.",
  "password_link.create": "Create link",
  "password_link.pass_on": "Send the link to the user only: anyone who has it can set the password. It works until {time}.",
  "password_link.link": "Link",
  "password_link.copy": "Copy link",
};
