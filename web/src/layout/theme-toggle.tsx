import { Button } from '../components/button';
import type { IconName } from '../components/icon';
import { useTheme, type Theme } from '../hooks/use-theme';

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const ICONS: Record<Theme, IconName> = { system: 'screen', light: 'sun', dark: 'moon' };
const NAMES: Record<Theme, string> = { system: 'As the system', light: 'Light', dark: 'Dark' };

export function ThemeToggle() {
  const [theme, setTheme] = useTheme();
  return (
    <Button
      kind="quiet"
      small
      icon={ICONS[theme]}
      title={`Colours: ${NAMES[theme]}`}
      aria-label={`Colours: ${NAMES[theme]}. Change to ${NAMES[NEXT[theme]]}`}
      onClick={() => setTheme(NEXT[theme])}
      data-testid="theme-toggle"
    />
  );
}
