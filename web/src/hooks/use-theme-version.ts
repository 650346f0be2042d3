import { useEffect, useState } from 'react';

/** Changes whenever colours change; canvases have to be drawn anew then. */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const bump = () => setVersion((known) => known + 1);
    const system = window.matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', bump);
    window.addEventListener('causeway:theme', bump);
    return () => {
      system.removeEventListener('change', bump);
      window.removeEventListener('causeway:theme', bump);
    };
  }, []);
  return version;
}
