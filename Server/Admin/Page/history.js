// The last five minutes as the server tells them, and what follows from them. Totals are since start, so what came in a second is
// the difference of two samples; where one is missing there is a gap, and where the server's machine slept or its clock was set.

const kept = 300;
const sway = 2000; // milliseconds by which the clock may differ from the time that passed

export class History {
  /** The newest answer without its samples: phase, server, loops, peers. */
  answer = null;
  samples = [];

  /** The number of the newest sample: what is asked for is what came after it. */
  get newest() {
    return this.last?.n ?? 0;
  }

  get last() {
    return this.samples.at(-1);
  }

  /** Takes an answer of /api/live. Another run is another server, whose samples begin anew. */
  take(answer) {
    if (this.answer?.run !== answer.run) {
      this.samples = [];
    }

    const fresh = answer.samples.filter(sample => sample.n > this.newest);
    this.samples = this.samples.concat(fresh).slice(-kept - 1); // one more than is drawn, to subtract from
    this.answer = answer;
  }

  times() {
    return this.samples.map(sample => new Date(sample.time));
  }

  /** What a figure was, each second. */
  values(of) {
    return this.samples.map((sample, i) => (i > 0 && !follows(sample, this.samples[i - 1]) ? null : of(sample) ?? null));
  }

  /** What a total grew by, a second, each second. */
  rates(total) {
    return this.differences((now, before) => (total(now) - total(before)) / now.seconds);
  }

  /** What a total grew by in the last so many seconds, or since the first sample. */
  growth(total, seconds) {
    return this.last ? total(this.last) - total(this.samples.at(-1 - seconds) ?? this.samples[0]) : null;
  }

  /** The class that a percentile of packet ages falls into, as its index, each second; null where nothing was read. */
  agePercentiles(share) {
    return this.differences((now, before) => classOf(now.age.map((total, i) => total - before.age[i]), share));
  }

  /** The same over the last so many seconds. */
  agePercentile(share, seconds) {
    return this.last ? classOf(this.last.age.map((_, i) => this.growth(sample => sample.age[i], seconds)), share) : null;
  }

  differences(difference) {
    return this.samples.map((now, i) => {
      const before = this.samples[i - 1];
      return before && follows(now, before) && now.seconds > 0 ? difference(now, before) : null;
    });
  }
}

/** Whether nothing is missing between two samples. */
function follows(now, before) {
  return now.n === before.n + 1 && Math.abs(now.time - before.time - 1000 * now.seconds) < sway;
}

function classOf(counts, share) {
  const all = counts.reduce((sum, number) => sum + number, 0);
  let below = 0;
  const found = counts.findIndex(number => (below += number) >= all * share);
  return all > 0 ? found : null;
}
