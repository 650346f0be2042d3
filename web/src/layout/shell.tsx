import { Suspense } from 'react';
import { Outlet } from 'react-router';
import { Loading } from '../components/loading';
import { useLive } from '../live/live-context';
import { NoticeProvider } from '../notices/notice-provider';
import { LiveState } from './live-state';
import { Navigation } from './navigation';
import { ThemeToggle } from './theme-toggle';
import { UserMenu } from './user-menu';

/** What surrounds every page once somebody is logged in. */
export function Shell() {
  const live = useLive();
  return (
    <NoticeProvider>
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      <div className="shell" data-live={live.kind}>
        <Navigation />
        <div className="shell-right">
          <header className="topbar">
            <LiveState />
            <span className="spacer" />
            <ThemeToggle />
            <UserMenu />
          </header>
          <main id="main" tabIndex={-1}>
            <Suspense fallback={<Loading what="Opening the page…" />}>
              <Outlet />
            </Suspense>
          </main>
        </div>
      </div>
    </NoticeProvider>
  );
}
