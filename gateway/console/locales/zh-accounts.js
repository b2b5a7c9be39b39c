/** Chinese messages about passwords. */
export const zhAccounts = {
  "page.new_password": "设置新密码",
  "field.show_password": "显示密码",
  "sign_in.forgot": "忘记密码？请联系管理员获取重设密码的链接。",
  "sign_in.password_set": "密码已设置，请用新密码登录。",
  "new_password.title": "设置新密码",
  "new_password.how": "设置后，这个账户在所有设备上的登录都会失效。",
  "new_password.submit": "设置密码",
  "new_password.no_ticket": "请重新打开管理员给您的链接。",
  "password_link.title": "重设密码链接",
  "password_link.forgotten": "用户忘记了密码？",
  "password_link.what": "生成一个链接，{email} 的用户可以用它设置新密码。链接只能使用一次，24 小时内有效；之前的链接会失效。",
  "password_link.create": "生成链接",
  "password_link.pass_on": "请只把链接发给用户本人：任何拿到链接的人都能设置密码。有效期至 {time}。",
  "password_link.link": "链接",
  "password_link.copy": "复制链接",
};
