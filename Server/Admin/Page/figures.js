// The headlines, and the charts with their lines. A line is { name, values, text, color, dash }: a value per second, and the current
// one as text. Colours are numbers of page.css.

import { bound, count, memory, percent, span, traffic, words } from './text.js';

const mebibyte = 1024 * 1024;
const line = (name, values, text, color, more) => ({ name, values, text: text(values.at(-1)), color, ...more });

/** Returns a bucket of packet ages as text. */
export function age(history, index) {
  const bounds = history.answer.ageBounds;
  return index == null ? '–' : index === 0 ? '0 s' : index < bounds.length ? `≤ ${bound(bounds[index])}` : `> ${bound(bounds.at(-1))}`;
}

/** Returns the close reasons since start, most frequent first; a reason keeps its colour while the page is open. */
export function reasons(history) {
  const closed = history.last?.connections.closed ?? {};
  return Object.keys(closed).sort((a, b) => closed[b] - closed[a] || a.localeCompare(b)).map(name => ({
    name: words(name), total: closed[name], count: sample => sample.connections.closed?.[name] ?? 0, color: colorOf(name),
  }));
}

const known = [];

function colorOf(reason) {
  if (!known.includes(reason)) {
    known.push(reason);
  }

  return 1 + known.indexOf(reason) % 8;
}

export function headlines(history) {
  const { last, answer: { server, loops } } = history;
  const now = total => history.rates(total).at(-1);
  const busiest = last.loops.reduce((most, loop, i) => (loop && (!most || loop.busy > most.busy) ? { busy: loop.busy, name: loops[i] } : most), null);
  return [
    ['Packets per second', count(now(s => s.packets.processed)), `${count(last.packets.processed)} processed`],
    ['Bytes per second', traffic(now(s => s.bytes.received)), `${traffic(last.bytes.received)} received`],
    ['Connections open', count(last.connections.open), `of ${count(server.maxConnections)}; ${count(last.connections.paused)} paused`],
    ['Packet age, p99', age(history, history.agePercentile(0.99, 10)), 'of the last 10 s'],
    ['Resident memory', memory(last.memory.workingSet), `${memory(last.bytes.allocated)} for unfinished packets`],
    ['Busiest loop', percent(busiest?.busy), busiest ? `loop ${busiest.name}` : 'unknown with this transport'],
    ...(last.forward ? [['Not yet forwarded', traffic(last.forward.lagBytes), `${span(last.forward.lagSeconds)} behind`]] : []),
  ];
}

export const charts = [
  {
    id: 'packets', title: 'Packets per second',
    lines: h => [
      line('received', h.rates(s => s.packets.received), count, 1, { wide: true }),
      line('processed', h.rates(s => s.packets.processed), count, 2, { dash: 'dot' }),
      ...(h.last.packets.acknowledged > 0 ? [line('acknowledged', h.rates(s => s.packets.acknowledged), count, 3, { dash: 'dash' })] : []),
    ],
    notes: h => [`${count(h.last.queue)} waiting`, `${count(h.last.packets.dropped)} dropped`],
    axis: { tickformat: '~s' }, least: 5,
  },
  {
    id: 'bytes', title: 'Bytes per second',
    lines: h => [
      line('received', h.rates(s => s.bytes.received), traffic, 1, { fill: true }),
      line('discarded', h.rates(s => s.bytes.discarded), traffic, 4, { dash: 'dash' }),
      ...(h.last.bytes.sent > 0 ? [line('sent', h.rates(s => s.bytes.sent), traffic, 3, { dash: 'dot' })] : []),
    ],
    axis: { tickformat: '~s', ticksuffix: 'B' }, least: 1000,
  },
  {
    id: 'reads', title: 'Packets per read',
    lines: h => [line('mean', h.differences((now, before) => {
      const reads = now.reads - before.reads;
      return reads > 0 ? (now.packets.received - before.packets.received) / reads : null;
    }), count, 3)],
    notes: h => [`${count(h.rates(s => s.reads).at(-1))} reads per second`],
    axis: { tickformat: '~s' }, least: 5,
  },
  {
    id: 'connections', title: 'Connections',
    lines: h => [
      line('open', h.values(s => s.connections.open), count, 1, { fill: true }),
      line('paused', h.values(s => s.connections.paused), count, 4, { dash: 'dash' }),
    ],
    notes: h => [`${count(h.rates(s => s.connections.accepted).at(-1))} accepted per second`],
    axis: { tickformat: '~s' }, least: 5,
  },
  {
    id: 'closes', title: 'Closes per second, by reason',
    lines: h => reasons(h).map(reason => line(reason.name, h.rates(reason.count), count, reason.color, { stack: true })),
    notes: h => (reasons(h).length ? [] : ['none since start']),
    axis: { tickformat: '~s' }, least: 5,
  },
  {
    id: 'age', title: 'Packet age',
    lines: h => [
      line('p50', h.agePercentiles(0.5), index => age(h, index), 2, { wide: true, steps: true }),
      line('p99', h.agePercentiles(0.99), index => age(h, index), 5, { dash: 'dot', steps: true }),
    ],
    notes: h => [`${count(h.last.clockSkew)} reads from the future, ${count(h.last.clockUnset)} from before 2015`],
    classes: h => [...h.answer.ageBounds.map((seconds, i) => (i === 0 ? '0 s' : `≤ ${bound(seconds)}`)), `> ${bound(h.answer.ageBounds.at(-1))}`],
  },
  {
    id: 'memory', title: 'Memory, MiB',
    lines: h => [
      line('resident', h.values(s => s.memory.workingSet / mebibyte), v => memory(v * mebibyte), 1),
      line('GC heap', h.values(s => s.memory.heap / mebibyte), v => memory(v * mebibyte), 3, { dash: 'dash' }),
      line('unfinished packets', h.values(s => s.bytes.allocated / mebibyte),
        v => `${memory(v * mebibyte)} of ${memory(h.answer.server.maxBufferedBytes)}`, 4, { dash: 'dot' }),
    ],
    axis: {}, least: 10,
  },
  {
    id: 'loops', title: 'Event loops, busy',
    lines: h => h.answer.loops.map((name, i) => line(
      name === 'accept' ? name : `loop ${name}`, h.values(s => s.loops[i]?.busy),
      busy => `${percent(busy)}, ${count(h.last.loops[i]?.queue)} tasks`, 1 + i % 8, { dash: ['solid', 'dash', 'dot', 'dashdot'][i % 4] })),
    axis: { tickformat: '.0%', tickvals: [0, 0.25, 0.5, 0.75, 1] }, least: 1,
  },
];
