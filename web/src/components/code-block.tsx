import { CopyButton } from './copy-button';

interface CodeBlockProps {
  text: string;
  what: string;
  /** Long text without spaces is cut to some lines; copying gives all of it. */
  clamp?: boolean;
  'data-testid': string;
}

/** Text to be taken elsewhere, with its copy button. */
export function CodeBlock({ text, what, clamp, ...rest }: CodeBlockProps) {
  const testid = rest['data-testid'];
  return (
    <div className="code-block">
      <code className={clamp ? 'code-clamp' : undefined} tabIndex={0} aria-label={what} data-testid={testid}>
        {text}
      </code>
      <CopyButton text={text} what={what} kind="plain" data-testid={`${testid}-copy`} />
    </div>
  );
}
