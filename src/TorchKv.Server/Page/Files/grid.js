// The blocks: one cell each, on a canvas. Only cells that changed or flash are drawn.

import { darkMode, legend, reducedMotion, requestColour, save, themed } from './colours.js';
import { describe } from './state.js';

const FLASH_MS = 700, MAX_HEIGHT = 330;
const HINT = 'A cell is one block. Point at it, or move with the arrow keys, to see what it holds.';

export class Grid {
  drawnCells = 0;
  frames = 0;
  #flashes = new Map(); // cell → [colour, end]
  #dirty = new Set();
  #last = new Map(); // cell → the last request that held it, for cached blocks
  #focus = -1;
  #isWhole = true;

  constructor(canvas, line, state) {
    this.canvas = canvas;
    this.line = line;
    this.state = state;
    this.context = canvas.getContext('2d');
    line.textContent = HINT;
    new ResizeObserver(() => this.#all()).observe(canvas.parentElement);
    darkMode.addEventListener('change', () => this.#all());
    canvas.addEventListener('pointermove', event => this.#point(event));
    canvas.addEventListener('pointerdown', event => this.#point(event));
    canvas.addEventListener('pointerleave', () => { if (document.activeElement !== canvas) this.focus(-1); });
    canvas.addEventListener('keydown', event => this.#key(event));
    legend(document.querySelector('#grid-legend'), [
      ['held', 'held, colour = request'], ['shared', 'shared by several'], ['cached', 'cached: pale, no holder'], ['free', 'free'],
      ['allocate', 'taken'], ['hit', 'found again'], ['evict', 'evicted'],
    ]);
  }

  /** Takes the changes of the state, and draws what they touch. */
  frame(now) {
    this.frames++;
    const { changed } = this.state;
    if (changed === null) {
      this.#all();
      this.#last.clear();
      for (const block of this.state.used()) this.#note(block.index, block);
    }
    else for (const [index, before, after] of changed) this.#change(index, before, after, now);
    this.state.changed = [];
    for (const [index, [, end]] of this.#flashes) {
      this.#dirty.add(index);
      if (now >= end) this.#flashes.delete(index);
    }
    if (this.#isWhole) this.#layout();
    for (const index of this.#dirty) this.#draw(index, now);
    this.#dirty.clear();
  }

  /** Moves the cursor to a block, and tells what it is. */
  focus(index) {
    if (this.#focus >= 0) this.#dirty.add(this.#focus);
    this.#focus = index;
    if (index >= 0) this.#dirty.add(index);
    this.line.textContent = index < 0 ? HINT : describe(this.state, index);
  }

  savePng() { this.canvas.toBlob(blob => save('blocks.png', blob)); }

  #all() { this.#isWhole = true; }

  /** Notes who held a block last. */
  #note(index, block) {
    if (block?.requests?.length) this.#last.set(index, block.requests[0]);
    else if (!block) this.#last.delete(index);
  }

  #change(index, before, after, now) {
    this.#dirty.add(index);
    if (before && after && before.generation !== after.generation) this.#last.delete(index);
    this.#note(index, after);
    const colour = !after ? null
      : before && before.generation !== after.generation && before.state === 'cached' ? '--evict'
      : before && (after.holders || 0) > (before.holders || 0) ? '--hit'
      : !before ? '--allocate' : null;
    if (colour) this.#flashes.set(index, [colour, now + FLASH_MS]);
    if (index === this.#focus) this.line.textContent = describe(this.state, index);
  }

  #layout() {
    this.#isWhole = false;
    const count = this.state.blocks.length, width = this.canvas.parentElement.clientWidth;
    if (!count || !width) return;
    let cell = 30;
    while (cell > 4 && Math.ceil(count / Math.floor(width / cell)) * cell > MAX_HEIGHT) cell--;
    this.columns = Math.max(1, Math.floor(width / cell));
    this.cell = width / this.columns; // the columns take all of the width
    const height = Math.ceil(Math.ceil(count / this.columns) * this.cell), ratio = devicePixelRatio || 1;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.colours = Object.fromEntries(
      ['--ink', '--paper', '--free', '--cached', '--hit', '--evict', '--allocate', '--focus'].map(name => [name, themed(name)]));
    for (let index = 0; index < count; index++) this.#dirty.add(index);
  }

  #draw(index, now) {
    this.drawnCells++;
    const { context: c, cell, colours } = this, block = this.state.blocks[index];
    const column = index % this.columns, row = Math.floor(index / this.columns);
    const x = Math.round(column * cell), y = Math.round(row * cell);
    const gap = cell > 8 ? 2 : 1, size = Math.floor(cell) - gap;
    c.clearRect(x, y, Math.round((column + 1) * cell) - x, Math.round((row + 1) * cell) - y);
    if (!block) {
      c.fillStyle = colours['--free'];
      c.fillRect(x, y, size, size);
    } else if (block.state === 'cached') {
      c.fillStyle = colours['--cached'];
      c.fillRect(x, y, size, size);
      if (this.#last.has(index)) {
        c.fillStyle = requestColour(this.#last.get(index));
        c.globalAlpha = 0.3;
        c.fillRect(x, y, size, size);
        c.globalAlpha = 1;
      }
    } else {
      this.#drawHeld(block, x, y, size);
    }
    const flash = this.#flashes.get(index);
    if (flash) {
      c.globalAlpha = reducedMotion.matches ? 1 : Math.max(0.15, (flash[1] - now) / FLASH_MS);
      this.#outline(colours[flash[0]], x, y, size, cell > 8 ? 2 : 1);
      c.globalAlpha = 1;
    }
    if (index === this.#focus) this.#outline(colours['--focus'], x, y, size, 2);
  }

  #drawHeld(block, x, y, size) {
    const { context: c, colours } = this;
    const colour = block.requests?.length ? requestColour(block.requests[0]) : colours['--ink'];
    const level = Math.max(1, Math.round(size * (block.filled || 0) / this.state.blockSize));
    c.fillStyle = colour;
    c.globalAlpha = 0.25;
    c.fillRect(x, y, size, size);
    c.globalAlpha = 1;
    c.fillRect(x, y + size - level, size, level);
    if ((block.holders || 0) < 2) return;
    c.save();
    c.beginPath();
    c.rect(x, y, size, size);
    c.clip();
    c.strokeStyle = colours['--paper'];
    c.lineWidth = size > 12 ? 2 : 1;
    c.beginPath();
    for (let at = -size; at < size; at += size > 12 ? 6 : 3) {
      c.moveTo(x + at, y + size);
      c.lineTo(x + at + size, y);
    }
    c.stroke();
    c.restore();
    if (size < 16) return;
    const text = String(block.holders), w = 4 + 7 * text.length;
    c.fillStyle = colours['--paper'];
    c.fillRect(x + (size - w) / 2, y + size / 2 - 7, w, 14);
    c.fillStyle = colours['--ink'];
    c.font = '600 11px system-ui, sans-serif';
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    c.fillText(text, x + size / 2, y + size / 2 + 0.5);
  }

  #outline(colour, x, y, size, width) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.strokeRect(x + width / 2, y + width / 2, size - width, size - width);
  }

  #point(event) {
    const column = Math.floor(event.offsetX / this.cell), row = Math.floor(event.offsetY / this.cell);
    const index = row * this.columns + column;
    this.focus(column < this.columns && index < this.state.blocks.length ? index : -1);
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    const last = this.state.blocks.length - 1;
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? last : step ? this.#focus + step : null;
    if (to === null) return;
    event.preventDefault();
    this.focus(Math.min(last, Math.max(0, to)));
  }
}
