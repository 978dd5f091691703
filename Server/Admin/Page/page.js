// The live page: requests new samples from /api/live once per second, and shows them. It keeps no stream open: when the server does not
// answer, it requests again.

import { element, panel, write } from './charts.js';
import { charts, headlines, reasons } from './figures.js';
import { History } from './history.js';
import { connections, rows } from './tables.js';
import { clock, count, span } from './text.js';

const interval = { watched: 1000, hidden: 15_000 };
const patience = 5000;
const summaryInterval = 10_000;
const calmSteps = 5; // with reduced motion, charts move every fifth second; figures every second

const history = new History();
const by = id => document.getElementById(id);
const dark = matchMedia('(prefers-color-scheme: dark)');
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const draw = charts.map(chart => panel(chart, by('charts')));
by('closes').after(by('closed'));
const peers = {
  busiest: connections(by('busiest'), 'The ten busiest connections'),
  oldest: connections(by('oldest'), 'The ten oldest connections'),
};

let colors = read();
let paused = false;
let answered = Date.now();
let answering = null; // null before the first answer, then whether the last request was answered
let announced = { at: 0, phase: '', rate: 0, open: 0 };
let shown = 0;
let timer = 0;
let asking = false;

async function ask() {
  clearTimeout(timer);
  if (asking || paused) {
    return;
  }

  asking = true;
  const started = performance.now();
  let ok = false;
  try {
    const peers = document.hidden ? '&peers=no' : ''; // no survey for a hidden page
    const response = await fetch(`api/live?after=${history.newest}${peers}`, { signal: AbortSignal.timeout(patience) });
    if (!response.ok) {
      throw new Error(`${response.status}`);
    }

    await take(await response.json());
    ok = true;
  } catch {
    // The notice shows since when, and the next request follows.
  }

  asking = false;
  const wait = document.hidden ? interval.hidden : interval.watched;
  timer = paused ? 0 : setTimeout(ask, Math.max(100, wait - (performance.now() - started)));
  setAnswering(ok);
  if (ok && !paused && !document.hidden && history.last) {
    show();
  }
}

async function take(answer) {
  if (history.answer !== null && answer.server.version !== history.answer.server.version) {
    location.reload(); // this page is of another version
  }

  if (history.answer !== null && answer.run !== history.answer.run) {
    // Another run answers: the sample number in the request was the previous run's, so request all samples.
    const response = await fetch('api/live?after=0', { signal: AbortSignal.timeout(patience) });
    answer = await response.json();
  }

  history.take(answer);
  answered = Date.now();
}

function show(all = false) {
  const { answer } = history;
  const { server } = answer;
  write(by('phase'), answer.phase);
  by('phase').className = `phase ${answer.phase}`;
  write(by('facts'), `version ${server.version} · ${server.transport} · ${server.processors} processors · up ${span(answer.uptimeSeconds)}`);
  showHeadlines(headlines(history));
  const moves = all || !calm.matches || shown++ % calmSteps === 0;
  draw.forEach(one => one(history, moves ? colors : null));

  const why = reasons(history);
  rows(by('reasons'), why.map(reason => [reason.name, count(history.growth(reason.count, 60)), count(reason.total)]), 3, 'none since start',
    why.map(reason => reason.color));
  peers.busiest(answer.peers?.busiest);
  peers.oldest(answer.peers?.oldest);
  summarize(answer.phase);
}

function showHeadlines(items) {
  const list = by('headlines');
  while (list.children.length > items.length) {
    list.lastChild.remove(); // the server runs again, without forwarding
  }

  items.forEach(([label, figure, more], i) => {
    const box = list.children[i] ?? list.appendChild(element('div', {}));
    if (!box.children.length) {
      box.append(element('dt', {}), element('dd', { className: 'figure' }), element('dd', { className: 'more' }));
    }

    [label, figure, more].forEach((text, j) => write(box.children[j], text));
  });
}

/** Announces to a screen reader: the phase immediately; figures seldom, and only after a large change. */
function summarize(phase) {
  const at = performance.now();
  const rate = history.rates(sample => sample.packets.processed).at(-1) ?? 0;
  const { open } = history.last.connections;
  const far = (a, b) => Math.abs(a - b) > Math.max(a, b) / 2;
  if (phase !== announced.phase || (at - announced.at >= summaryInterval && (far(rate, announced.rate) || far(open, announced.open)))) {
    announced = { at, phase, rate, open };
    const rough = value => count(Number(value.toPrecision(1)));
    write(by('summary'), `${phase}; about ${rough(rate)} packets per second; about ${rough(open)} connections open`);
  }
}

function setAnswering(is) {
  if (answering === is) {
    return;
  }

  answering = is;
  document.body.classList.toggle('stale', !is);
  by('notice').hidden = is;
  announced.phase = ''; // announced again when it answers
  if (!is) {
    write(by('phase'), 'no answer');
  }

  write(by('notice'), is ? '' : `No answer since ${clock(answered)}. The page continues when the server answers.`);
  document.title = is ? 'DotNettyFraming' : 'no answer – DotNettyFraming';
}

/** Returns the colours of page.css, for the charts. */
function read() {
  const style = getComputedStyle(document.documentElement);
  const color = name => style.getPropertyValue(`--${name}`).trim();
  return {
    text: color('text'), quiet: color('quiet'), grid: color('grid'), panel: color('panel'),
    series: [1, 2, 3, 4, 5, 6, 7, 8].map(number => color(`c${number}`)),
  };
}

by('pause').addEventListener('click', () => {
  paused = !paused;
  write(by('pause'), paused ? 'Resume' : 'Pause');
  document.body.classList.toggle('paused', paused);
  ask();
});
document.addEventListener('visibilitychange', ask);
dark.addEventListener('change', () => {
  colors = read();
  if (history.last) {
    show(true);
  }
});
ask();
