// Users: one is added, sees what the role allows and nothing else, and is deleted.

const PASSWORD = 'quiet harbour 7';

export async function addUser({ page, id, picture, looks }) {
  await id('nav-users').click();
  await id('users-row').first().waitFor();
  await id('user-name-input').fill('Ada Lovelace');
  await id('user-password-input').fill(PASSWORD);
  await id('user-role').selectOption('viewer');
  await id('user-add').click();
  await id('user-problem').waitFor();
  await picture('user-refused');
  await id('user-name-input').fill('ada');
  await id('user-add').click();
  await id('users-row').and(page.locator('[data-id=ada]')).waitFor();
  await picture('users');
  await looks('users');
}

/** A viewer looks, and is offered nothing that would be refused. */
export async function lookAsViewer({ stranger, id, page }, url, gatewayId) {
  const theirs = await stranger();
  const their = (testid) => theirs.getByTestId(testid);
  await theirs.goto(`${url}/gateways/${gatewayId}`);
  await their('login-user').fill('ada');
  await their('login-password').fill(PASSWORD);
  await their('login-submit').click();
  await their('gateway-state').waitFor();
  for (const testid of ['gateway-delete', 'gateway-rename', 'create-share', 'nav-audit', 'gateway-pull-status']) {
    if ((await their(testid).count()) > 0) throw new Error(`a viewer is offered ${testid}`);
  }
  // Their session ends with their user: the page sends them back to the login.
  await id('users-row').and(page.locator('[data-id=ada]')).getByTestId('user-delete').click();
  await id('delete-confirmation').fill('ada');
  await id('delete-submit').click();
  await id('users-row').and(page.locator('[data-id=ada]')).waitFor({ state: 'detached' });
  await their('nav-gateways').click();
  await their('login-user').waitFor();
  await theirs.context().close();
}

/** Two that differ are not sent; afterwards only the new password opens the console. */
export async function changePassword({ id, picture }, { user, password }) {
  await id('nav-users').click();
  await id('password-old').fill(password);
  await id('password-new').fill(PASSWORD);
  await id('password-again').fill('another one');
  if (await id('password-submit').isEnabled()) throw new Error('a password may be mistyped');
  await picture('password-differs');
  await id('password-again').fill(PASSWORD);
  await id('password-submit').click();
  await id('notice-done').filter({ hasText: 'password' }).waitFor();
  await id('logout').click();
  await id('login-user').fill(user);
  await id('login-password').fill(password);
  await id('login-submit').click();
  await id('login-problem').waitFor();
  await id('login-password').fill(PASSWORD);
  await id('login-submit').click();
  await id('page-title').waitFor();
}
