// The page: events go to the state, and the state is drawn at the screen's pace.

import { save } from './colours.js';
import { Feed } from './events.js';
import { Grid } from './grid.js';
import { Guide } from './guide.js';
import { Lanes } from './lanes.js';
import { drawNumbers, drawTables } from './numbers.js';
import { Player } from './player.js';
import { State } from './state.js';
import { Strip } from './strip.js';
import { Tree } from './tree.js';
import { TryIt } from './tryit.js';

const SLOW_PARTS_MS = 200;
const $ = id => document.getElementById(id);
const recording = document.querySelector('meta[name=torchkv-recording]').content;
const state = new State();
const player = new Player(state, drawControls);
const grid = new Grid($('grid'), $('block'), state);
const slow = [new Lanes($('lanes'), state), new Tree($('tree'), $('tree-text'), state), new Strip($('strip'), $('last-step'), state)];
const feed = new Feed(take, showStatus);
const tryIt = new TryIt(state);
const guide = new Guide($('ideas'), state, { send: () => tryIt.send(), again: () => tryIt.send(), four: () => tryIt.sendFour(), fill: () => tryIt.fill() });
let record = null, drawnVersion = -1, drawnAt = 0, waiting = [];

function take(data) {
  if (record) record.push(data);
  player.take(data);
}

/** Shows how the feed is: live, replay, wait, key or refused; what went wrong is said below the header. */
function showStatus(name, text, problem = '') {
  $('status').dataset.state = name;
  $('status').textContent = text;
  $('notice').hidden = !problem;
  if ($('notice').textContent !== problem) $('notice').textContent = problem;
  const asks = name === 'key';
  if (asks && $('key').hidden) setTimeout(() => $('key').querySelector('input').focus());
  $('key').hidden = !asks;
}

function drawControls() {
  $('pause').setAttribute('aria-pressed', player.isPaused);
  $('pause').textContent = player.isPaused ? player.lines ? 'Play' : 'Resume' : 'Pause';
  $('slow').setAttribute('aria-pressed', player.isSlow);
  $('step').disabled = !player.isPaused;
  $('player').hidden = !player.lines;
  if (player.lines) {
    $('seek').max = player.lines.length - 1;
    $('seek').value = player.at;
    $('clock').textContent = player.clock;
  }
}

function draw(now) {
  grid.frame(now);
  if (state.version !== drawnVersion && now - drawnAt >= SLOW_PARTS_MS) {
    drawnVersion = state.version;
    drawnAt = now;
    waiting = [...slow];
    $('model').textContent = state.model ?? '';
    drawNumbers(state);
    guide.draw();
    if (document.querySelector('#table details').open) drawTables(state);
  } else {
    waiting.shift()?.draw(); // one part a frame, so that none is late
  }
  requestAnimationFrame(draw);
}

/** Shows a recording in place of the server. */
function play(text) {
  player.play(text);
  feed.stop();
  document.body.classList.add('replay');
  showStatus('replay', 'recording');
}

$('pause').addEventListener('click', () => {
  if (player.lines && player.isPaused && player.at >= player.lines.length - 1) player.seek(0);
  player.pause(!player.isPaused);
});
$('step').addEventListener('click', () => player.step());
$('slow').addEventListener('click', () => player.slow(!player.isSlow));
$('seek').addEventListener('input', event => {
  const to = +event.target.value; // pausing draws the slider where it was
  player.pause(true);
  player.seek(to);
});
$('blocks-png').addEventListener('click', () => grid.savePng());
$('tree-svg').addEventListener('click', () => slow[1].saveSvg());
$('table').querySelector('details').addEventListener('toggle', () => drawTables(state));
$('record').addEventListener('click', event => {
  if (record) {
    save('recording.jsonl', new Blob([record.join('\n'), '\n'], { type: 'application/jsonl' }));
    record = null;
  } else {
    record = [];
    feed.restart();
  }
  event.target.setAttribute('aria-pressed', record !== null);
  event.target.textContent = record ? 'Save' : 'Record';
});
$('open').addEventListener('change', async event => {
  const [file] = event.target.files;
  if (!file) return;
  event.target.value = '';
  try { play(await file.text()); } catch (error) { showStatus($('status').dataset.state, $('status').textContent, `${file.name} cannot be shown: ${error.message}`); }
});
$('key').addEventListener('submit', event => {
  event.preventDefault();
  sessionStorage.setItem('torchkv-key', event.target.querySelector('input').value);
  feed.restart();
});

requestAnimationFrame(draw);
window.torchkv = { state, grid, player, feed }; // for tests, and for those who look from the console
if (recording) {
  fetch(recording)
    .then(response => response.ok ? response.text() : Promise.reject(new Error(`status ${response.status}`)))
    .then(play)
    .catch(error => showStatus('wait', 'no recording', `${recording} cannot be shown: ${error.message}`));
} else {
  feed.run();
}
