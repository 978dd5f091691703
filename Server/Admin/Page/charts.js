// Charts, drawn by plotly.js in the page's colours. Each has a heading, a text legend with the current figures, and an image whose label
// repeats them.

const config = { displayModeBar: false, responsive: true };
const minutes = 5;

/** Adds a panel for a chart; returns its drawing function. */
export function panel(chart, into) {
  const section = element('section', { className: 'panel', id: chart.id });
  const title = element('h3', { id: `${chart.id}-title`, textContent: chart.title });
  const legend = element('ul', { className: 'legend' });
  const picture = element('div', { className: 'plot' });
  const plot = picture.appendChild(element('div', { ariaHidden: 'true' })); // the label describes its content
  section.setAttribute('aria-labelledby', title.id);
  picture.setAttribute('role', 'img');
  section.append(title, legend, picture);
  into.append(section);
  return (history, colors) => {
    const lines = chart.lines(history);
    const notes = chart.notes?.(history) ?? [];
    fill(legend, [...lines.map(line => ({ color: line.color, name: line.name, text: line.text })), ...notes.map(text => ({ text }))]);
    picture.setAttribute('aria-label', `${chart.title}: ${[...lines.map(line => `${line.name} ${line.text}`), ...notes].join('; ')}`);
    if (colors) {
      window.Plotly?.react(plot, traces(chart, lines, history, colors), layout(chart, lines, history, colors), config);
      document.getElementById('js-plotly-tester')?.setAttribute('aria-hidden', 'true'); // plotly.js measures text in it
    }
  };
}

function traces(chart, lines, history, colors) {
  const classes = chart.classes?.(history);
  const x = history.times();
  return lines.map(line => ({
    type: 'scatter', mode: 'lines', name: line.name, x, y: line.values,
    stackgroup: line.stack ? 'all' : undefined,
    fill: line.fill ? 'tozeroy' : undefined,
    fillcolor: line.fill ? `${colors.series[line.color - 1]}22` : line.stack ? `${colors.series[line.color - 1]}99` : undefined,
    line: {
      color: colors.series[line.color - 1], dash: line.dash ?? 'solid', shape: line.steps ? 'hv' : 'linear',
      width: line.stack ? 1 : line.wide ? 3.5 : 1.8,
    },
    hovertemplate: classes ? '%{text}' : '%{y:.4~r}',
    text: classes ? line.values.map(index => classes[index] ?? '') : undefined,
  }));
}

function layout(chart, lines, history, colors) {
  const now = history.last.time;
  const most = chart.least && Math.max(chart.least, 1.08 * highest(lines));
  const classes = chart.classes?.(history);
  const grid = { gridcolor: colors.grid, zeroline: false, fixedrange: true, automargin: false, ticks: '', ticklabelstandoff: 4, tickfont: { size: 11 } };
  const top = classes && Math.max(3, highest(lines));
  return {
    autosize: true, height: 176, margin: { l: classes ? 58 : 48, r: 8, t: 8, b: 26 }, showlegend: false, dragmode: false, hovermode: 'x unified',
    paper_bgcolor: 'transparent', plot_bgcolor: 'transparent',
    font: { family: 'system-ui, sans-serif', color: colors.quiet, size: 11 },
    hoverlabel: { bgcolor: colors.panel, bordercolor: colors.grid, font: { color: colors.text, size: 12 } },
    xaxis: { ...grid, type: 'date', range: [new Date(now - minutes * 60_000), new Date(now)], dtick: 60_000, tickformat: '%H:%M', hoverformat: '%H:%M:%S' },
    yaxis: classes
      ? { ...grid, range: [-0.3, top + 0.3], tickvals: classes.map((_, i) => i), ticktext: classes }
      : { ...grid, range: [0, most], nticks: 5, ...chart.axis },
  };
}

/** Returns the highest point of any line, or of the stack. */
function highest(lines) {
  const columns = lines[0]?.values.map((_, i) => lines.map(line => line.values[i] ?? 0)) ?? [];
  return columns.reduce((most, column) => Math.max(most, lines[0].stack ? column.reduce((a, b) => a + b, 0) : Math.max(...column)), 0);
}

/** Updates a legend in place, so that a screen reader keeps its position. */
function fill(legend, items) {
  while (legend.children.length > items.length) {
    legend.lastChild.remove();
  }

  items.forEach((item, i) => {
    const li = legend.children[i] ?? legend.appendChild(element('li', {}));
    if (li.dataset.name !== (item.name ?? '')) {
      li.dataset.name = item.name ?? '';
      const swatch = element('span', { className: `swatch c${item.color}` });
      li.replaceChildren(...(item.name ? [swatch, `${item.name} `] : []), element('b', { className: item.name ? '' : 'note' }));
    } else if (!li.lastChild) {
      li.append(element('b', { className: 'note' }));
    }

    write(li.lastChild, item.text);
  });
}

export const element = (tag, properties) => Object.assign(document.createElement(tag), properties);

/** Sets text; all text from the server goes through here, so it is never markup. */
export function write(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
