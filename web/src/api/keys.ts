// Names of everything in the query cache. The live stream writes to the same names.

export const keys = {
  me: ['me'] as const,
  overview: ['overview'] as const,
  gateways: ['gateways'] as const,
  gateway: (id: string) => ['gateway', id] as const,
  shares: (gateway: string) => ['shares', gateway] as const,
  share: (gateway: string, name: string) => ['share', gateway, name] as const,
  metrics: (gateway: string, share: string | undefined, range: string) =>
    ['metrics', gateway, share ?? '', range] as const,
  events: (gateway: string) => ['events', gateway] as const,
  commandsAll: ['commands'] as const,
  commands: (gateway: string | undefined) => ['commands', gateway ?? ''] as const,
  command: (id: string) => ['command', id] as const,
  audit: ['audit'] as const,
  users: ['users'] as const,
};
