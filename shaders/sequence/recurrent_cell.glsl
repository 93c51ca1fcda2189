// One step of a recurrent cell, for a unit of hidden channels. GATES: 4, LSTM (Hochreiter & Schmidhuber 1997, with the
// forget gate of Gers et al. 2000), in the order input, forget, cell, output; 3, GRU (Cho et al. 2014) in the order
// reset, update, new, where reset multiplies the recurrent product with its bias inside.
// Of each step a gradient needs TRACE units: LSTM i, f, g, o; GRU r, z, n and what r multiplies; then LSTM's cell
// before the step, and the state before it.
const uint TRACE = GATES + 2;

vec4 hyperbolic(vec4 x) { return 2.0 * logistic(2.0 * x) - 1.0; }

void step_cell(vec4 x[4], vec4 u[4], vec4 h_before, vec4 c_before, out vec4 h, out vec4 c, out vec4 parts[4]) {
  parts[0] = logistic(x[0] + u[0]);
  parts[1] = logistic(x[1] + u[1]);
  if (GATES == 4) {
    parts[2] = hyperbolic(x[2] + u[2]);
    parts[3] = logistic(x[3] + u[3]);
    c = parts[1] * c_before + parts[0] * parts[2];
    h = parts[3] * hyperbolic(c);
  } else {
    parts[2] = hyperbolic(x[2] + parts[0] * u[2]);
    parts[3] = u[2];
    c = vec4(0);
    h = (1.0 - parts[1]) * parts[2] + parts[1] * h_before;
  }
}
