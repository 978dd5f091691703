// The samples of the last five minutes. Totals are since start, so a rate is the difference of two samples. A missing sample leaves a gap,
// and so does a machine that slept or whose clock was set.

const kept = 300;
const tolerance = 2000; // milliseconds by which the clock may differ from the elapsed time

export class History {
  /** The newest answer: phase, server, loops, peers. */
  answer = null;
  samples = [];

  /** The number of the newest sample; later ones are requested. */
  get newest() {
    return this.last?.n ?? 0;
  }

  get last() {
    return this.samples.at(-1);
  }

  /** Adds an answer of /api/live; another run of the server starts anew. */
  take(answer) {
    if (this.answer?.run !== answer.run) {
      this.samples = [];
    }

    const fresh = answer.samples.filter(sample => sample.n > this.newest);
    this.samples = this.samples.concat(fresh).slice(-kept - 1); // one more than drawn, for the first difference
    this.answer = answer;
  }

  times() {
    return this.samples.map(sample => new Date(sample.time));
  }

  /** Returns a value per second. */
  values(of) {
    return this.samples.map((sample, i) => (i > 0 && !follows(sample, this.samples[i - 1]) ? null : of(sample) ?? null));
  }

  /** Returns a total's rate, per second. */
  rates(total) {
    return this.differences((now, before) => (total(now) - total(before)) / now.seconds);
  }

  /** Returns a total's growth in the last seconds, or since the first sample. */
  growth(total, seconds) {
    return this.last ? total(this.last) - total(this.samples.at(-1 - seconds) ?? this.samples[0]) : null;
  }

  /** Returns the bucket of a percentile of packet ages per second, as an index; null without reads. */
  agePercentiles(share) {
    return this.differences((now, before) => classOf(now.age.map((total, i) => total - before.age[i]), share));
  }

  /** Returns the same over the last seconds. */
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

/** Returns whether no sample is missing between two. */
function follows(now, before) {
  return now.n === before.n + 1 && Math.abs(now.time - before.time - 1000 * now.seconds) < tolerance;
}

function classOf(counts, share) {
  const all = counts.reduce((sum, number) => sum + number, 0);
  let below = 0;
  const found = counts.findIndex(number => (below += number) >= all * share);
  return all > 0 ? found : null;
}
