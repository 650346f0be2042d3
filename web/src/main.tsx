import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import './components/table-meta';
import { applyTheme, storedTheme } from './hooks/use-theme';
import 'uplot/dist/uPlot.min.css';
import './styles/index.css';

applyTheme(storedTheme());

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
