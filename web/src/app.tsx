import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createBrowserRouter, RouterProvider } from 'react-router';
import { ApiError } from './api/client';
import { SessionGate } from './layout/session-gate';
import { AuditPage } from './pages/audit/audit-page';
import { CommandsPage } from './pages/commands/commands-page';
import { CrashPage } from './pages/crash-page';
import { GatewayPage } from './pages/gateway/gateway-page';
import { AddGatewayPage } from './pages/gateways/add-gateway-page';
import { GatewaysPage } from './pages/gateways/gateways-page';
import { LoginPage } from './pages/login-page';
import { NotFoundPage } from './pages/not-found-page';
import { OverviewPage } from './pages/overview/overview-page';
import { EditSharePage } from './pages/share/edit-share-page';
import { NewSharePage } from './pages/share/new-share-page';
import { SharePage } from './pages/share/share-page';
import { UsersPage } from './pages/users/users-page';

const RETRIES_MAX = 2;

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // The stream keeps what is known up to date; a page that opens still asks once.
      staleTime: 2_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) =>
        failures < RETRIES_MAX && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

const router = createBrowserRouter([
  { path: '/login', element: <LoginPage />, errorElement: <CrashPage /> },
  {
    path: '/',
    element: <SessionGate />,
    errorElement: <CrashPage />,
    children: [
      { index: true, element: <OverviewPage /> },
      { path: 'gateways', element: <GatewaysPage /> },
      { path: 'gateways/new', element: <AddGatewayPage /> },
      { path: 'gateways/:id/:tab?', element: <GatewayPage /> },
      { path: 'gateways/:id/shares/new', element: <NewSharePage /> },
      { path: 'gateways/:id/shares/:name', element: <SharePage /> },
      { path: 'gateways/:id/shares/:name/edit', element: <EditSharePage /> },
      { path: 'commands', element: <CommandsPage /> },
      { path: 'audit', element: <AuditPage /> },
      { path: 'users', element: <UsersPage /> },
      { path: '*', element: <NotFoundPage /> },
    ],
  },
]);

export function App() {
  return (
    <QueryClientProvider client={cache}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
