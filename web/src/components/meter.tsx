interface MeterProps {
  value: number;
  max: number;
  label: string;
}

/** How full something is. The label says it in words. */
export function Meter({ value, max, label }: MeterProps) {
  const percent = max > 0 ? Math.min(100, (value / max) * 100) : 0;
  return (
    <svg className="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect className="meter-track" width="100" height="6" />
      <rect className={percent > 90 ? 'meter-full' : 'meter-fill'} width={percent} height="6" />
    </svg>
  );
}
