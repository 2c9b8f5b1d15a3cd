// Gradient descent on the sums that a pair of images leaves behind: G = sum p p^T, r = sum p y,
// sum y^2. The gradient of the squared error is 2 (G w - r), so the images are not needed again.
// As kernfit.Statistics.descend.

export class Descent {
  // sums: {gram, cross, energy}; the bias is the last weight, and stays 0 unless it is learnt.
  constructor(sums, { rate, bias = true, start = null }) {
    this.size = sums.cross.length;
    this.moves = bias ? this.size : this.size - 1;
    this.gram = Float64Array.from(sums.gram.flat());
    this.cross = sums.cross;
    this.energy = sums.energy;
    this.rate = rate;
    this.weights = Float64Array.from(start ?? new Array(this.size).fill(0));
    this.steps = 0;
    this.losses = [this._look()];
  }

  // The loss of the present weights; their pull (half the gradient) is kept for the next step.
  _look() {
    const { size, gram, cross, weights } = this;
    this.pull = new Float64Array(size);
    let loss = this.energy;
    for (let p = 0; p < size; p++) {
      let sum = 0;
      for (let q = 0; q < size; q++) sum += gram[p * size + q] * weights[q];
      this.pull[p] = sum - cross[p];
      loss += weights[p] * (this.pull[p] - cross[p]);
    }
    return loss;
  }

  step() {
    for (let p = 0; p < this.moves; p++) this.weights[p] -= this.rate * 2 * this.pull[p];
    this.steps += 1;
    this.losses.push(this._look());
    return this.losses[this.steps];
  }

  get diverged() {
    return !(this.losses[this.steps] <= this.losses[0]);
  }
}

// By how much a step multiplies what is still missing along a direction of this eigenvalue.
export function factor(rate, eigenvalue) {
  return 1 - 2 * rate * eigenvalue;
}
