// Package analyze turns targets into configured targets and actions: it chooses
// configurations, selects and toolchains, and calls the implementation of each
// rule once for each (target, configuration).
//
// It works in two steps. First the graph of configured targets is found, which
// needs no implementation to run: only attributes, platforms and transitions
// decide it. Then implementations run, dependencies first, on all cores. The
// result is the same whatever the order.
//
// It does not start anything: its product, the Plan, is a value.
package analyze
