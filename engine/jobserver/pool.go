package jobserver

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Pool hands out a fixed number of tokens. It is safe for concurrent use.
type Pool struct {
	size int

	mu      sync.Mutex
	free    int             // tokens that nobody has; size = free + with actions + Σ lease.out
	waiting []chan struct{} // Acquires in order of arrival; closing one gives it a token
	leases  []*Lease        // in order of turns: who was given a token last is last
	turn    *time.Timer     // not nil while a lease without an offer waits for its turn
}

// pause is how long a lease can be without an offer before it is its turn. Nothing
// tells us that a client has begun to wait, so this is a clock, not an event.
const pause = 20 * time.Millisecond

// New returns a pool of n tokens; less than one makes no sense and means one.
func New(n int) *Pool {
	n = max(n, 1)
	return &Pool{size: n, free: n}
}

// Size returns the number of tokens.
func (p *Pool) Size() int { return p.size }

// Acquire takes a token for an action, in order of arrival. Its error is ctx's cause.
func (p *Pool) Acquire(ctx context.Context) error {
	granted := make(chan struct{})
	p.mu.Lock()
	p.waiting = append(p.waiting, granted)
	p.balance()
	p.mu.Unlock()

	select {
	case <-granted:
		return nil
	case <-ctx.Done():
		p.withdraw(granted)
		return context.Cause(ctx)
	}
}

// withdraw takes an Acquire back, which may have been granted meanwhile.
func (p *Pool) withdraw(granted chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, granted); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return
	}
	p.free++
	p.balance()
}

// Release gives back the token of one Acquire.
func (p *Pool) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == p.size {
		panic("bug: jobserver: more tokens released than acquired")
	}
	p.free++
	p.balance()
}

// balance moves tokens to where they are wanted most. It is called after every change,
// with mu held, and is the only one to decide.
func (p *Pool) balance() {
	for _, l := range p.leases {
		l.keepOneOffer()
	}
	p.grant()
	p.offer()
	p.share()
	p.scheduleTurn()
}

// grant serves actions, if need be with tokens that lie unread in some FIFO.
func (p *Pool) grant() {
	for len(p.waiting) > 0 && (p.free > 0 || p.takeBackAny()) {
		p.free--
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

func (p *Pool) takeBackAny() bool {
	return slices.ContainsFunc(p.leases, func(l *Lease) bool { return l.takeBack(1) == 1 })
}

// offer puts free tokens into empty FIFOs, poorest lease first.
func (p *Pool) offer() {
	for p.free > 0 {
		l := p.poorest(func(l *Lease) bool { return l.unread == 0 })
		if l == nil || !p.give(l) {
			return
		}
	}
}

// share moves unread tokens to leases that are eager for them. It comes to an end because
// a lease loses its eagerness with what it is given, and gains it only
// when its client reads or when it is its turn.
func (p *Pool) share() {
	for {
		l := p.poorest(func(l *Lease) bool { return l.unread == 0 && l.eager })
		if l == nil {
			return
		}
		donor := slices.IndexFunc(p.leases, l.mayTakeFrom)
		if donor < 0 || p.leases[donor].takeBack(1) == 0 || !p.give(l) {
			return
		}
	}
}

// give offers a free token to l and puts l at the end of the turns.
func (p *Pool) give(l *Lease) bool {
	if !l.put() {
		return false
	}
	i := slices.Index(p.leases, l)
	p.leases = append(slices.Delete(p.leases, i, i+1), l)
	return true
}

// poorest returns the lease with the fewest tokens among those that qualify, or nil.
// Of equals it is the one whose turn is next.
func (p *Pool) poorest(qualifies func(*Lease) bool) *Lease {
	var found *Lease
	for _, l := range p.leases {
		if qualifies(l) && (found == nil || l.out < found.out) {
			found = l
		}
	}
	return found
}

// scheduleTurn starts the clock if some lease is without an offer while another has tokens.
func (p *Pool) scheduleTurn() {
	if p.turn != nil || p.starved() == nil {
		return
	}
	p.turn = time.AfterFunc(pause, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.turn = nil
		if l := p.starved(); l != nil {
			l.eager = true
		}
		p.balance()
	})
}

// starved returns the next lease that has no offer, is not eager, and could get a
// token from another.
func (p *Pool) starved() *Lease {
	hungry := p.poorest(func(l *Lease) bool { return l.unread == 0 && !l.eager })
	if hungry == nil {
		return nil
	}
	others := func(l *Lease) bool { return l != hungry && l.out > 0 }
	if !slices.ContainsFunc(p.leases, others) {
		return nil
	}
	return hungry
}
