// The prefix tree: each run of blocks with the same holders is a bar, what continues it stands to its right.

import { html, requestColour, save, svg } from './colours.js';
import { tenantName } from './state.js';

const ROW = 24, MAX_Y = 1500, HEAD = 20;

export class Tree {
  constructor(box, line, state) {
    this.box = box;
    this.line = line;
    this.state = state;
  }

  draw() {
    const roots = tenants(this.state);
    const deepest = Math.max(1, ...roots.map(root => root.depth));
    const unit = Math.max(9, (this.box.clientWidth - 4) / Math.max(8, deepest));
    const oldest = this.#age();
    const picture = svg('svg', { role: 'group', class: 'tree' });
    let y = 0;
    this.left = 0;
    for (const root of roots) {
      if (y > MAX_Y) { this.left += root.runs.length; continue; }
      picture.append(svg('text', { x: 2, y: y + 14, class: 'root', 'data-tenant': root.tenant }, root.tenant ? tenantName(root.tenant) : roots.length > 1 ? 'no tenant' : 'all requests'));
      y += HEAD;
      for (const run of root.runs) y = this.#run(picture, run, 0, y, unit, oldest);
      y += 8;
    }
    picture.setAttribute('width', Math.max(this.box.clientWidth - 4, deepest * unit + 4));
    picture.setAttribute('height', Math.max(30, y));
    this.box.replaceChildren(roots.length ? picture : html('p', { class: 'empty' }, 'Nothing is cached yet.'));
    const shared = this.state.blocks.filter(block => block?.holders > 1).length;
    this.line.textContent = roots.length
      ? `${roots.length} root${roots.length > 1 ? 's' : ''}; ${shared} block${shared === 1 ? '' : 's'} shared now. A bar is a run of blocks; what continues it stands to its right. “× 4”: four hold it. Pale bars are cached; the palest is evicted first.${this.left ? ` ${this.left} more runs are not drawn.` : ''}`
      : 'Blocks that later requests can find appear here.';
  }

  saveSvg() {
    const picture = this.box.querySelector('svg');
    if (!picture) return;
    const copy = picture.cloneNode(true);
    const shown = picture.querySelectorAll('rect,text,path');
    copy.querySelectorAll('rect,text,path').forEach((element, i) => {
      const style = getComputedStyle(shown[i]);
      for (const name of ['fill', 'stroke', 'opacity', 'font-size', 'font-family']) element.setAttribute(name, style.getPropertyValue(name));
    });
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    save('prefixes.svg', new Blob([copy.outerHTML], { type: 'image/svg+xml' }));
  }

  /** Draws a run and what continues it; the y after them. */
  #run(picture, run, depth, y, unit, age) {
    if (y > MAX_Y) {
      this.left++;
      return y;
    }
    const { blocks, children } = run, first = blocks[0], holders = first.holders || 0;
    const thick = Math.min(ROW - 3, 12 + 2 * holders);
    const bar = svg('rect', {
      x: depth * unit + 1, y: y + (ROW - thick) / 2, width: Math.max(4, blocks.length * unit - 3), height: thick, rx: 2,
      class: holders > 1 ? 'run shared' : holders ? 'run held' : 'run cached',
    });
    if (holders) bar.setAttribute('fill', first.requests?.length ? requestColour(first.requests[0]) : 'currentColor');
    else bar.setAttribute('opacity', 0.35 + 0.65 * age(blocks.at(-1)));
    const end = (first.position || 0) + blocks.length - 1;
    bar.append(svg('title', {}, `${blocks.length} block${blocks.length > 1 ? 's' : ''}, places ${first.position || 0} to ${end}; ${holders} holder${holders === 1 ? '' : 's'}${this.#text(blocks)}`));
    picture.append(bar);
    const times = holders > 1 ? ` × ${holders}` : '';
    const label = [`${blocks.length} block${blocks.length > 1 ? 's' : ''}${times}`, `${blocks.length}${times}`, times.replaceAll(' ', '')]
      .find(text => text && blocks.length * unit > 10 + 7 * text.length);
    if (label) {
      picture.append(svg('text', { x: depth * unit + 6, y: y + ROW / 2 + 4, class: holders ? 'count on' : 'count' }, label));
    }
    let next = y;
    for (const child of children) {
      if (next !== y) picture.append(svg('path', { d: `M${(depth + blocks.length) * unit - 2} ${y + ROW / 2}V${next + ROW / 2}H${(depth + blocks.length) * unit + 1}`, class: 'link' }));
      next = this.#run(picture, child, depth + blocks.length, next, unit, age);
    }
    return Math.max(next, y + ROW);
  }

  #text(blocks) {
    const text = blocks.map(block => this.state.texts.get(block.index)?.join('') ?? '').join('');
    return text ? `: “${text}”` : '';
  }

  /** Maps a cached block to 0 (evicted next) … 1. */
  #age() {
    const times = this.state.blocks.filter(block => block?.state === 'cached').map(block => block.released_at || 0);
    const low = Math.min(...times), high = Math.max(...times);
    return block => high > low ? ((block.released_at || 0) - low) / (high - low) : 1;
  }
}

/** The roots by tenant, with runs of blocks below them. */
function tenants(state) {
  const children = new Map(), roots = new Map();
  for (const block of state.used()) {
    if (block.parent === undefined) continue;
    if (block.parent < 0) {
      if (!roots.has(block.tenant || 0)) roots.set(block.tenant || 0, []);
      roots.get(block.tenant || 0).push(block);
    } else {
      if (!children.has(block.parent)) children.set(block.parent, []);
      children.get(block.parent).push(block);
    }
  }
  const run = block => {
    const blocks = [block];
    let below = children.get(block.index) || [];
    while (below.length === 1 && sameHolders(below[0], block) && blocks.length <= state.blocks.length) {
      blocks.push(below[0]);
      below = children.get(below[0].index) || [];
    }
    const continued = below.filter(child => (child.position || 0) > (block.position || 0)).map(run);
    return { blocks, children: continued, depth: blocks.length + Math.max(0, ...continued.map(child => child.depth)) };
  };
  return [...roots].sort((a, b) => a[0] - b[0]).map(([tenant, blocks]) => {
    const runs = blocks.map(run);
    return { tenant, runs, depth: Math.max(...runs.map(r => r.depth)) };
  });
}

const sameHolders = (a, b) => a.state === b.state && (a.holders || 0) === (b.holders || 0) && `${a.requests}` === `${b.requests}`;
