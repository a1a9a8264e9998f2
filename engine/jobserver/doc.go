// Package jobserver shares one pool of job tokens between the actions of a build
// and the jobs that make and ninja start inside them.
//
// It owns the count: with n tokens there are never more than n jobs, and no
// token is made or lost, whatever a client does and however it ends. It does
// not know what an action is or how one is run.
//
// An action holds one token, from Acquire to Release, which pays for its first job.
// For more, its make reads tokens from a FIFO and writes them back, as the
// GNU make manual describes under "POSIX Jobserver Interaction"; ninja
// speaks the same protocol since 1.13. Every action gets a FIFO of its own, a
// Lease: tokens of an action that was killed are those that went in and are not in
// there any more.
//
// How tokens move: a pipe shows who has read, not who would like to. So every FIFO has
// one token on offer while there are tokens. It is replaced when it is taken,
// and taken back when it lies unread and somebody else waits.
//
// # Who comes first
//
// Actions before further jobs of actions: both keep a core busy. Among leases the one
// with the fewest tokens. A lease whose client took the last offer counts as eager and
// gets what others leave unread, as long as they are idle or richer. A lease without an
// offer, whose wishes nobody can know, is given a turn of eagerness after a pause.
package jobserver
