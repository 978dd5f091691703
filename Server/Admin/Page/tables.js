// Tables, updated in place so that a screen reader keeps its position.

import { element, write } from './charts.js';
import { count, memory, span, traffic } from './text.js';

const columns = [
  ['Peer', peer => peer.peer],
  ['Loop', peer => String(peer.loop)],
  ['Open for', peer => span(peer.openSeconds)],
  ['Packets', peer => count(peer.packets)],
  ['Bytes', peer => traffic(peer.bytes)],
  ['Per second', peer => traffic(peer.bytesPerSecond)],
  ['Unfinished', peer => memory(peer.unfinished)],
  ['Paused', peer => (peer.paused ? 'yes' : '')],
];

/** Adds a table of connections; returns a function that fills it, with null while unknown. */
export function connections(table, caption) {
  const head = element('thead', {});
  const row = head.appendChild(element('tr', {}));
  columns.forEach(([name]) => row.append(element('th', { scope: 'col', textContent: name })));
  const body = element('tbody', {});
  table.append(element('caption', { className: 'unseen', textContent: caption }), head, body);
  return peers => rows(body, peers?.map(peer => columns.map(([, text]) => text(peer))), columns.length, peers ? 'none' : 'searching …');
}

/** Fills rows with text; the first cell of each is its heading, with a colour. */
export function rows(body, data, width, empty, colors) {
  const lines = data?.length ? data : [[empty]];
  while (body.rows.length > lines.length) {
    body.deleteRow(-1);
  }

  lines.forEach((texts, i) => {
    const row = body.rows[i] ?? body.insertRow();
    if (row.cells.length !== texts.length) {
      row.replaceChildren(...texts.map((_, j) => (j === 0 && texts.length > 1
        ? element('th', { scope: 'row' }) : element('td', { colSpan: texts.length > 1 ? 1 : width, className: texts.length > 1 ? '' : 'note' }))));
    }

    texts.forEach((text, j) => write(row.cells[j], text));
    if (colors?.[i] && texts.length > 1) {
      row.cells[0].className = `marked c${colors[i]}`;
    }
  });
  reachable(body.closest('.scroll'));
}

/** Makes a box reachable by keyboard if it scrolls. */
function reachable(box) {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
    box.tabIndex = 0;
  } else {
    box.removeAttribute('tabindex');
  }
}
