/** Says what is being waited for; shown late, so that quick answers do not flicker. */
export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status" data-testid="loading">
      <span className="loading-bar" aria-hidden="true" />
      {what}
    </p>
  );
}
