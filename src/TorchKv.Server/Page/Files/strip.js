// The last steps: stacked tokens, and the time that each took.

import { darkMode, themed } from './colours.js';

export class Strip {
  #plot = null;
  #drawn = 0;

  constructor(box, line, state) {
    this.box = box;
    this.line = line;
    this.state = state;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(box);
    darkMode.addEventListener('change', () => { this.#plot?.destroy(); this.#plot = null; this.#drawn = 0; });
  }

  draw() {
    const { steps } = this.state, last = steps.at(-1);
    if (!last) {
      this.line.textContent = 'No step yet. A step computes tokens of all running requests at once.';
      if (this.#plot) { this.#plot.destroy(); this.#plot = null; this.#drawn = 0; }
      return;
    }
    if (this.#plot && last.number === this.#drawn) return;
    this.#drawn = last.number;
    const decode = steps.map(step => step.decode_tokens || 0);
    const drafts = steps.map((step, i) => decode[i] + (step.draft_tokens || 0));
    const prefill = steps.map((step, i) => drafts[i] + (step.prefill_tokens || 0));
    const data = [steps.map(step => step.number), prefill, drafts, decode, steps.map(step => step.milliseconds || 0)];
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = this.#make(data);
    this.line.textContent = `Step ${last.number}: ${last.prefill_tokens || 0} prompt tokens, ${last.decode_tokens || 0} generated, ${last.draft_tokens || 0} drafts, ${last.sequences || 0} sequence${last.sequences === 1 ? '' : 's'}, ${(last.milliseconds || 0).toFixed(2)} ms.`;
  }

  #size() { return { width: Math.max(200, this.box.clientWidth), height: 190 }; }

  #make(data) {
    const bars = uPlot.paths.bars({ size: [0.9, 24], align: 1 });
    const axis = { stroke: themed('--ink'), grid: { stroke: themed('--line'), width: 1 }, ticks: { stroke: themed('--line') }, font: '11px system-ui, sans-serif' };
    const stack = (label, name) => ({ label, fill: themed(name), stroke: themed(name), width: 0, paths: bars, points: { show: false } });
    const last = this.state.steps.length;
    return new uPlot({
      ...this.#size(),
      cursor: { drag: { x: false, y: false } },
      legend: { show: true, live: false },
      scales: { x: { time: false, range: (u, low, high) => [Math.min(low, high - 40), high + 1] }, y: { range: (u, low, high) => [0, Math.max(4, high)] }, ms: { range: (u, low, high) => [0, Math.max(1, high)] } },
      axes: [{ ...axis, size: 30 }, { ...axis, label: 'tokens', labelSize: 16, size: 38 }, { ...axis, side: 1, scale: 'ms', label: 'ms', labelSize: 16, size: 40, grid: { show: false } }],
      series: [{}, stack('prefill', '--prefill'), stack('drafts', '--draft'), stack('decode', '--decode'),
        { label: 'milliseconds', scale: 'ms', stroke: themed('--soft'), width: 1, points: { show: false } }],
    }, data, this.box);
  }
}
