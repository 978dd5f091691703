// Shows a run: the data is the JSON report with a few texts next to it. Text goes through `write`, so it is never markup.

'use strict';
const { title, heading, ended, complaints, machine, program, words, percentiles, report } = JSON.parse(document.getElementById('data').textContent);
const by = id => document.getElementById(id);
const element = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/** Sets a text. Control characters, and those that change the direction of writing, are shown as escapes. */
function write(node, text) {
  node.textContent = String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}]/gu, c => `\\u${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  return node;
}

// Figures

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const plain = value => Number(value.toFixed(2)).toString();
const digits = value => (value < 10 ? plain(value) : value < 100 ? Number(value.toFixed(1)).toString() : whole.format(value));
const count = value => (value == null ? '–' : whole.format(value));
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
const seconds = value => `${value.toFixed(2)} s`;
const micros = value => (value < 1e3 ? `${whole.format(value)} µs` : value < 1e6 ? `${digits(value / 1e3)} ms` : `${digits(value / 1e6)} s`);
const bytes = value => [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [0, 'B']].filter(([size]) => value >= size).slice(0, 1)
  .map(([size, unit]) => `${plain(value / (size || 1))} ${unit}`)[0];

// Tables

function table(columns, rows, figures) {
  const head = columns.length ? [element('thead', {}, element('tr', {}, ...columns.map(text => write(element('th', { scope: 'col' }), text))))] : [];
  const body = element('tbody', {}, ...rows.map(([name, ...cells]) => element(
    'tr', {}, write(element('th', { scope: 'row' }), name), ...cells.map(cell => write(element('td'), cell)))));
  return element('div', { className: 'scroll', tabIndex: 0 }, element('table', { className: figures ? 'figures' : '' }, ...head, body));
}

function section(title, columns, rows, { figures = true, note } = {}) {
  if (rows.length) {
    const notes = note ? [write(element('p', { className: 'note' }), note)] : [];
    by('tables').append(element('section', {}, write(element('h2'), title), ...notes, table(columns, rows, figures)));
  }
}

const latencyColumns = ['', 'measured', 'p50', 'p90', 'p99', 'p99.9', 'max'];
const latencyRow = (name, l) => [name, count(l.count), ...[l.p50, l.p90, l.p99, l.p999, l.max].map(micros)];
const above0 = counts => Object.entries(counts).filter(([, number]) => number > 0);
const ends = counts => above0(counts).map(([end, number]) => [words[end] ?? end, count(number)]);

function tables() {
  const { connections, packets, rate, abuse, verification } = report;
  section(`Sent in ${seconds(report.seconds)}`, ['', 'in all', 'per second'], [
    ['packets', count(packets.sent), count(packets.perSecond)],
    ['bytes', count(report.bytes.sent), count(report.bytes.perSecond)],
    ...above0({ 'packets sent again': packets.resent }).map(([name, number]) => [name, count(number), '']),
    ...(packets.acknowledged == null ? [] : [
      ['packets acknowledged', count(packets.acknowledged), ''],
      ['packets not acknowledged', count(packets.unacknowledged), ''],
    ]),
  ], { note: packets.unconfirmed ? `Up to ${counted(packets.unconfirmed, 'more packet')} were under way when a connection ended.` : '' });
  section('Latency', latencyColumns, Object.entries(report.latencyMicroseconds).reverse()
    .filter(([, latency]) => latency.count).map(([kind, latency]) => latencyRow(kind, latency)));
  section('Connections', [], [
    ['asked for', count(connections.requested)],
    [`made in ${seconds(report.connectSeconds)}`, count(connections.connected)],
    ...above0(connections.failures).map(([reason, number]) => [`failed: ${reason}`, count(number)]),
    ...above0({ 'not attempted': connections.notAttempted, 'made again': connections.reconnected, 'not made again': connections.lost }).map(([name, number]) => [name, count(number)]),
    ...ends(connections.ended).map(([name, number]) => [`ended: ${name}`, number]),
  ]);
  section('Rate', [], rate ? [
    ['packets per second asked for', count(rate.asked)],
    ['achieved', count(rate.achieved)],
    ['packets late by more than 1 ms', count(rate.late)],
    ['packets due and not sent', count(rate.unsent)],
  ] : []);
  if (abuse) {
    const took = abuse.timeToCloseMicroseconds;
    section(`Hostile peers: ${abuse.kind}`, [], [
      ['connections started', count(abuse.attempts)],
      ...ends(abuse.ended),
      ['the server took (p50, p99, longest)', [took.p50, took.p99, took.max].map(micros).join(', ')],
    ]);
    const { before, during, after } = abuse.writeLatencyMicroseconds;
    section('Write latency of the ordinary connections', latencyColumns, [
      latencyRow('before the attack', before), latencyRow('during it', during), latencyRow('after it', after),
    ]);
  }

  section('Verification', [], verification ? [
    ['verdict', verification.line],
    ['packets sent', between(verification.packets)],
    ['packets processed', count(verification.packets.processed)],
    ['bytes sent', between(verification.bytes)],
    ['bytes received', count(verification.bytes.received)],
  ] : [], { figures: false });
  section('Sent from', [], Object.entries(machine), { figures: false });
}

const between = ({ sentAtLeast, sentAtMost }) => (sentAtLeast === sentAtMost ? count(sentAtMost) : `${count(sentAtLeast)} to ${count(sentAtMost)}`);

// Plots

const { series } = report;
const colors = () => {
  const style = getComputedStyle(document.documentElement);
  return name => style.getPropertyValue(`--${name}`).trim();
};
const redraw = [];

/** A plot with its key as text and its figures in a table. Lines: name, values, range in words. */
function plot({ title, x, lines, xaxis, yaxis, columns, rows }) {
  const key = element('ul', {}, ...lines.map((line, i) => {
    const swatch = element('span', { className: 'key' });
    swatch.style.background = `var(--c${i})`;
    const text = line.name ? `${line.name}: ${line.range}` : line.range;
    return element('li', {}, ...(line.name ? [swatch] : []), write(element('span'), text));
  }));
  const drawing = element('div', { className: 'plot', ariaHidden: 'true' }); // the label has its content
  const picture = element('div', {}, drawing);
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', `${title}. ${lines.map(line => `${line.name} ${line.range}`.trim()).join('; ')}`);
  const details = element('details', {}, write(element('summary'), `Figures (${counted(rows.length, 'row')})`), table(columns, rows, true));
  by('plots').append(element('figure', {}, element('figcaption', {}, write(element('h2'), title), key), picture, details));
  const draw = color => {
    const axis = { gridcolor: color('line'), linecolor: color('line'), zeroline: false, fixedrange: true, ticks: '', ticklabelstandoff: 4 };
    Plotly.react(drawing, lines.map((line, i) => ({
      type: 'scatter', mode: line.values.length < 3 ? 'lines+markers' : 'lines', name: line.name || title, x, y: line.values, connectgaps: false,
      line: { color: color(`c${i}`), width: 1.6 }, text: line.values.map(line.read), hovertemplate: '%{text}',
    })), {
      autosize: true, margin: { l: 66, r: 22, t: 8, b: 42 }, showlegend: false, dragmode: false, hovermode: 'x unified',
      paper_bgcolor: 'transparent', plot_bgcolor: 'transparent', font: { family: 'system-ui, sans-serif', color: color('soft'), size: 11 },
      hoverlabel: { bgcolor: color('card'), bordercolor: color('line'), font: { color: color('ink') } },
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis },
    }, { displayModeBar: false, responsive: true });
    document.getElementById('js-plotly-tester')?.setAttribute('aria-hidden', 'true'); // where plotly.js measures text
  };
  redraw.push(draw);
  draw(colors());
}

/** A linear axis from 0, or a logarithmic one in whole decades of microseconds. */
const linear = unit => ({ rangemode: 'tozero', tickformat: '~s', ticksuffix: unit, nticks: 6 });
const logarithmic = values => {
  const decades = values.filter(value => value != null).map(value => Math.log10(Math.max(1, value)));
  const from = Math.floor(Math.min(...decades));
  const to = Math.max(from + 1, Math.ceil(Math.max(...decades)));
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  return { type: 'log', range: [from, to], tickvals: ticks, ticktext: ticks.map(value => (value === 1 ? '≤ 1 µs' : micros(value))) };
};

/** Time from the start, in the unit that suits the length of the run. */
const length = series.at(-1)?.atSeconds ?? 0;
const [unit, unitName] = [[86400, 'days'], [3600, 'hours'], [60, 'minutes'], [1, 'seconds']].find(([size]) => length >= 2 * size || size === 1);
const time = { range: [0, length / unit], nticks: 7, title: { text: `${unitName} from the start`, standoff: 6 } };

/** A plot over time of figures of each sample; none where fewer than two samples have the first. */
function overTime(title, figures, read, yaxis, unitText = '') {
  const lines = figures.map(([name, of]) => {
    const values = series.map(of);
    const sorted = values.filter(value => value != null).sort((a, b) => a - b);
    return { name, values, sorted, read: value => (value == null ? '' : read(value)) };
  });
  if (lines[0].sorted.length < 2) {
    return;
  }

  for (const line of lines) {
    const { sorted } = line;
    line.range = `${read(sorted[0])} to ${read(sorted.at(-1))}, median ${read(sorted[sorted.length >> 1])}`;
  }

  plot({
    title, lines, xaxis: time, yaxis: yaxis(lines.flatMap(line => line.sorted)),
    x: series.map(sample => sample.atSeconds / unit),
    columns: ['until, s', ...figures.map(([name]) => (name ? name + unitText : title))],
    rows: series.map((sample, i) => [plain(sample.atSeconds), ...lines.map(line => count(line.values[i]))]),
  });
}

function latencyOverTime(title, kind) {
  const figure = name => [name, sample => (sample.latencyMicroseconds[kind].count ? sample.latencyMicroseconds[kind][name] : null)];
  const atLeast1 = values => ({ ...logarithmic(values) });
  overTime(title, ['p50', 'p99', 'max'].map(figure), micros, atLeast1, ', µs');
}

/** All latencies of the run: each further nine has the same room. */
function percentilePlot() {
  const kinds = Object.entries(percentiles);
  if (!kinds.length) {
    return;
  }

  const nines = Math.max(1, ...kinds.map(([, points]) => points.at(-1).nines));
  const name = n => (n === 0 ? '0' : n === 1 ? '90' : n === 2 ? '99' : `99.${'9'.repeat(n - 2)}`);
  const labels = Array.from({ length: Math.floor(nines) + 1 }, (_, n) => n).filter(n => nines < 6 || n % 2 === 0);
  const at = (points, n) => points.findLast(point => point.nines <= n)?.microseconds;
  const xs = [...new Set(kinds.flatMap(([, points]) => points.map(point => point.nines)))].sort((a, b) => a - b);
  plot({
    title: 'Latency percentiles of the whole run',
    x: xs,
    lines: kinds.map(([kind, points]) => {
      const of = new Map(points.map(point => [point.nines, point.microseconds]));
      const { p50, p99, max } = report.latencyMicroseconds[kind];
      return {
        name: kind, values: xs.map(x => of.get(x) ?? null), read: value => (value == null ? '' : micros(value)),
        range: `p50 ${micros(p50)}, p99 ${micros(p99)}, max ${micros(max)}`,
      };
    }),
    xaxis: { range: [0, nines], tickvals: labels, ticktext: labels.map(name), title: { text: 'percentile', standoff: 6 } },
    yaxis: logarithmic(kinds.flatMap(([, points]) => points.map(point => point.microseconds))),
    columns: ['percentile', ...kinds.map(([kind]) => `${kind}, µs`)],
    rows: [
      ['50', ...kinds.map(([kind]) => count(report.latencyMicroseconds[kind].p50))],
      ...Array.from({ length: Math.floor(nines) }, (_, i) => [name(i + 1), ...kinds.map(([, points]) => count(at(points, i + 1)))]),
      ['100', ...kinds.map(([kind]) => count(report.latencyMicroseconds[kind].max))],
    ],
  });
}

document.title = title;
write(document.querySelector('h1'), title);
write(by('heading'), heading);
write(by('ended'), ended);
write(document.querySelector('footer'), program);
by('complaints').append(...complaints.map(text => write(element('p', { className: 'bad' }), text)));
tables();
const step = series.length > 1 ? series[1].atSeconds - series[0].atSeconds : 0;
if (series.length < 2) {
  write(by('remark'), 'The run was too short for plots over time.');
} else if (step >= 2) {
  write(by('remark'), `The plots over time have a point, and their tables a row, for each ${plain(step)} s: rates over that time, `
    + 'open connections at its end, and of the latencies of its seconds the greatest.');
}

overTime('Packets per second', [['', sample => sample.packetsPerSecond]], count, () => linear(''));
overTime('Bytes per second', [['', sample => sample.bytesPerSecond]], bytes, () => linear('B'));
overTime('Connections open', [['', sample => sample.open]], count, () => linear(''));
if (series.some(sample => sample.late > 0)) {
  overTime('Late packets', [['', sample => sample.late]], count, () => linear(''));
}

if (report.packets.acknowledged != null) {
  overTime('Packets acknowledged per second', [['', sample => sample.acknowledgedPerSecond]], count, () => linear(''));
  latencyOverTime('Acknowledgement latency', 'acknowledgement');
}

latencyOverTime('Write latency', 'write');
latencyOverTime('Connect latency', 'connect');
percentilePlot();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw.forEach(draw => draw(colors())));
