export function Logo() {
  return (
    <div className="logo">
      <svg width="30" height="30" viewBox="0 0 32 32" aria-hidden="true">
        <rect className="logo-ground" width="32" height="32" rx="8" />
        <path className="logo-bridge" d="M5 13h22M8 13v3m16-3v3M8 16a8 8 0 0 1 16 0" />
        <path className="logo-water" d="M6 24c2 0 2-1.5 4-1.5s2 1.5 4 1.5 2-1.5 4-1.5 2 1.5 4 1.5 2-1.5 4-1.5" />
      </svg>
      <span>Causeway</span>
    </div>
  );
}
