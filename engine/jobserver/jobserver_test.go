package jobserver_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/jobserver"
)

// A client is what make is to a lease: it opens the FIFO, takes tokens and returns them.
type client struct {
	t    testing.TB
	fifo *os.File
}

func open(t testing.TB, l *jobserver.Lease) *client {
	t.Helper()
	f, err := os.OpenFile(l.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &client{t, f}
}

// take waits for a token and reports whether it came before the client was killed.
func (c *client) take() bool {
	_, err := c.fifo.Read(make([]byte, 1))
	return err == nil
}

func (c *client) giveBack() {
	if _, err := c.fifo.Write([]byte{'+'}); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Error(err)
	}
}

// kill ends what the client waits for.
func (c *client) kill() { c.fifo.SetDeadline(time.Unix(1, 0)) }

func serve(t testing.TB, p *jobserver.Pool) *jobserver.Lease {
	t.Helper()
	l, err := p.Serve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLease(t testing.TB, l *jobserver.Lease) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func acquire(t testing.TB, p *jobserver.Pool) {
	t.Helper()
	if err := p.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantFree fails unless the pool has exactly n tokens left.
func wantFree(t testing.TB, p *jobserver.Pool, n int) {
	t.Helper()
	ended, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("ended")
	cancel(cause)
	for range n {
		acquire(t, p)
	}
	if err := p.Acquire(ended); err != cause {
		t.Errorf("after %d tokens: got %v, want none left", n, err)
	}
	for range n {
		p.Release()
	}
}

// A package that builds alone must get every core.
func TestOneLeaseTakesAll(t *testing.T) {
	const size = 8
	p := jobserver.New(size)
	acquire(t, p)
	l := serve(t, p)
	c := open(t, l)
	for range size - 1 {
		if !c.take() {
			t.Fatal("no token")
		}
	}
	wantFree(t, p, 0)
	closeLease(t, l) // the client was killed: it returned none
	wantFree(t, p, size-1)
	p.Release()
	wantFree(t, p, size)
}

// An action that waits must not wait for a token that nobody uses.
func TestActionTakesUnreadOffer(t *testing.T) {
	p := jobserver.New(1)
	l := serve(t, p)
	defer closeLease(t, l)
	acquire(t, p)
	p.Release()
}

// A token that one package leaves unread serves another that is eager.
func TestIdleLeaseYields(t *testing.T) {
	p := jobserver.New(2)
	idle, busy := serve(t, p), serve(t, p)
	defer closeLease(t, idle)
	defer closeLease(t, busy)
	c := open(t, busy)
	if !c.take() || !c.take() {
		t.Fatal("no token")
	}
}

// A package that begins to build in parallel must not starve because the only
// token lies unread elsewhere, and nobody can see that it waits.
func TestUnseenWishIsServed(t *testing.T) {
	p := jobserver.New(1)
	leases := []*jobserver.Lease{serve(t, p), serve(t, p), serve(t, p)}
	for _, l := range leases {
		defer closeLease(t, l)
		c := open(t, l)
		if !c.take() {
			t.Fatal("no token")
		}
		c.giveBack()
	}
}

// A package that takes back every token at once must leave some to the others.
func TestGreedyLeaseLeavesTurns(t *testing.T) {
	const size = 4
	p := jobserver.New(size)
	greedy, modest := serve(t, p), serve(t, p)
	var jobs sync.WaitGroup
	var done atomic.Bool
	var clients []*client
	for range size {
		c := open(t, greedy)
		clients = append(clients, c)
		jobs.Go(func() {
			for !done.Load() && c.take() {
				c.giveBack()
			}
		})
	}
	c := open(t, modest)
	for range 20 {
		if !c.take() {
			t.Fatal("no token")
		}
		c.giveBack()
	}
	done.Store(true)
	for _, c := range clients {
		c.kill()
	}
	jobs.Wait()
	closeLease(t, modest)
	closeLease(t, greedy)
	wantFree(t, p, size)
}

// A client that writes bytes it never read must not make the machine run more jobs.
func TestForgedTokensAreWorthless(t *testing.T) {
	const size = 3
	p := jobserver.New(size)
	l := serve(t, p)
	c := open(t, l)
	for range 100 {
		c.giveBack()
	}
	acquire(t, p)
	acquire(t, p)
	acquire(t, p)
	wantFree(t, p, 0)
	for range size {
		p.Release()
	}
	closeLease(t, l)
	wantFree(t, p, size)
}

// A pipe of one page, never empty, must take more writes than a page has bytes.
func TestManyTurnsOfAFullPipe(t *testing.T) {
	p := jobserver.New(8)
	l := serve(t, p)
	defer closeLease(t, l)
	var jobs sync.WaitGroup
	for range 8 {
		c := open(t, l)
		jobs.Go(func() {
			for range 3 * os.Getpagesize() / 8 {
				c.take()
				c.giveBack()
			}
		})
	}
	jobs.Wait()
}

// Whatever clients do and however they end, the sum of tokens stays what it was and there
// are never more jobs than tokens.
func TestTokensAreConserved(t *testing.T) {
	for _, size := range []int{1, 2, 5} {
		world := &world{t: t, pool: jobserver.New(size), size: int64(size)}
		var actions sync.WaitGroup
		for seed := range uint64(6) {
			actions.Go(func() { world.build(rand.New(rand.NewPCG(seed, uint64(size)))) })
		}
		actions.Wait()
		wantFree(t, world.pool, size)
	}
}

// A world counts the jobs that run.
type world struct {
	t       *testing.T
	pool    *jobserver.Pool
	size    int64
	running atomic.Int64
}

func (w *world) start() {
	if n := w.running.Add(1); n > w.size {
		w.t.Errorf("%d jobs, want %d at most", n, w.size)
	}
}

func (w *world) end() { w.running.Add(-1) }

// build runs some actions, one after the other, each with several clients.
func (w *world) build(random *rand.Rand) {
	for range 10 {
		if err := w.pool.Acquire(w.t.Context()); err != nil {
			w.t.Error(err)
			return
		}
		w.start()
		w.act(random)
		w.end()
		w.pool.Release()
	}
}

// act is an action with three clients. They are killed when its own job is done, at any
// point of what they do; some have ended before, with a token that they keep.
func (w *world) act(random *rand.Rand) {
	l, err := w.pool.Serve(w.t.TempDir())
	if err != nil {
		w.t.Error(err)
		return
	}
	var working sync.WaitGroup
	clients := []*client{open(w.t, l), open(w.t, l), open(w.t, l)}
	for _, c := range clients {
		rounds := random.IntN(20)
		working.Go(func() {
			w.work(c, rounds)
			w.job(c)
		})
	}
	for range random.IntN(2000) {
		runtime.Gosched()
	}
	for _, c := range clients {
		c.kill()
	}
	working.Wait()
	closeLease(w.t, l)
}

// work runs jobs with tokens that it returns.
func (w *world) work(c *client, rounds int) {
	for range rounds {
		if !w.job(c) {
			return
		}
		c.giveBack()
	}
}

// job takes a token and runs a job with it, if the client is not killed before.
func (w *world) job(c *client) bool {
	if !c.take() {
		return false
	}
	w.start()
	runtime.Gosched()
	w.end()
	return true
}
