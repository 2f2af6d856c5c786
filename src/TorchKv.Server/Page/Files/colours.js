// Colours that people with any colour vision tell apart (Okabe and Ito), and patterns where colour alone would not do.

const REQUESTS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#b8a800'];

/** A request's colour. */
export const requestColour = number => REQUESTS[number % REQUESTS.length];

export const PHASES = {
  compile: { colour: '--compile', name: 'compile' },
  queued: { colour: '--queued', name: 'queued' },
  prefill: { colour: '--prefill', name: 'prefill' },
  decode: { colour: '--decode', name: 'decode' },
  preempted: { colour: '--preempted', name: 'preempted' },
};

/** The value of a colour of the style sheet, by its name. */
export const themed = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
export const darkMode = matchMedia('(prefers-color-scheme: dark)');

const SVG = 'http://www.w3.org/2000/svg';

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** An HTML element. */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Fills a legend: pairs of a class for the swatch and a text; without a class the text is a heading. */
export function legend(list, entries) {
  list.replaceChildren(...entries.flatMap(([name, text], i) => name ? html('li', {}, html('i', { class: `swatch ${name}` }), text) : [...i ? [html('li', { class: 'break', 'aria-hidden': 'true' })] : [], html('li', { class: 'group' }, text)]));
}

/** Lets the browser save a file. */
export function save(name, blob) {
  const link = html('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
