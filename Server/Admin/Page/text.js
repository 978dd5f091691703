// Figures as text, in English.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** Returns a figure in the largest unit below it. */
function scaled(value, base, names) {
  let step = 0;
  while (Math.abs(value) >= base * 0.9995 && step < names.length - 1) {
    value /= base;
    step++;
  }

  return `${value >= 1000 ? whole.format(value) : short.format(value)} ${names[step]}`;
}

/** Formats 1,234; below ten with one decimal. */
export const count = value => (value == null ? '–' : Math.abs(value) < 10 && value % 1 !== 0 ? value.toFixed(1) : whole.format(value));

/** Formats memory, in powers of 1,024. */
export const memory = bytes => (bytes == null ? '–' : scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']));

/** Formats traffic, in powers of 1,000. */
export const traffic = bytes => (bytes == null ? '–' : scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']));

/** Formats a share as a percentage. */
export const percent = share => (share == null ? '–' : `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`);

/** Formats seconds in the two largest units: 3 min 12 s. */
export function span(seconds) {
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  const from = seconds < 1 ? units.length - 1 : first;
  return units.slice(from, from + 2)
    .map(([name, size], i) => [name, Math.floor((i === 0 ? seconds : seconds % units[from][1]) / size)])
    .filter(([, amount], i) => i === 0 || amount > 0)
    .map(([name, amount]) => `${amount} ${name}`).join(' ');
}

/** Formats a bound in one unit: 30 s, 15 min, 1 h. */
export const bound = seconds => (seconds >= 86400 ? `${seconds / 86400} d` : seconds >= 3600 ? `${seconds / 3600} h`
  : seconds >= 60 ? `${seconds / 60} min` : `${seconds} s`);

/** Splits a name: InvalidPrefix is "invalid prefix". */
export const words = name => name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();

/** Formats a time as hh:mm:ss. */
export const clock = time => new Date(time).toLocaleTimeString('en-GB');
