package execute

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/event"
)

// state is how far an action has come.
type state uint8

const (
	waiting state = iota // for at least one producer of its inputs
	running              // handed to the runner
	done                 // its outputs are known
	failed               // it, or what it needs, could not be done
)

func (s state) String() string { return [...]string{"waiting", "running", "done", "failed"}[s] }

// task is an action in the scheduler's table; only the scheduler's goroutine
// touches it.
type task struct {
	id      event.ActionID
	action  *action.Action
	state   state
	missing int     // producers that are not done; 0 once running
	wanted  []*task // those that wait for this one, in the order of the plan
	run     int     // of a test: which one, from 1; 0 for all else
	verdict TestRun // of a test; its Status is NoStatus until it is done
}

// next holds the legal moves.
var next = map[state][]state{
	waiting: {running, failed},
	running: {done, failed},
}

// move is the only place where a state changes.
func (t *task) move(to state) {
	for _, legal := range next[t.state] {
		if legal == to {
			t.state = to
			return
		}
	}
	panic(fmt.Sprintf("bug: action %s of %s went from %s to %s", t.action.Mnemonic(), t.action.Owner(), t.state, to))
}

// table makes tasks of everything that the wanted artifacts and the tests need,
// producers before consumers, and one for each run of each test.
func table(wanted []*action.Artifact, tests Tests) ([]*task, error) {
	b := builder{tasks: map[*action.Action]*task{}}
	for _, a := range wanted {
		if _, err := b.task(a); err != nil {
			return nil, err
		}
	}
	for _, a := range tests.Actions {
		for run := range max(1, tests.Runs) {
			if err := b.place(&task{action: a, run: run + 1}); err != nil {
				return nil, err
			}
		}
	}
	return b.order, nil
}

type builder struct {
	tasks map[*action.Action]*task
	order []*task
}

// task returns the task that makes a; nil if a is there already.
func (b *builder) task(a *action.Artifact) (*task, error) {
	if a.Origin() != action.Derived {
		return nil, nil
	}
	producer := a.Producer()
	if producer == nil {
		return nil, fmt.Errorf("bug: no action makes %s", a)
	}
	if t, ok := b.tasks[producer]; ok {
		return t, nil
	}
	t := &task{action: producer}
	b.tasks[producer] = t
	return t, b.place(t)
}

// place puts a task behind those that it waits for.
func (b *builder) place(t *task) error {
	needs := map[*task]bool{}
	for _, in := range t.action.HashedInputs() {
		need, err := b.task(in)
		if err != nil {
			return err
		}
		if need != nil && !needs[need] {
			needs[need] = true
			need.wanted = append(need.wanted, t)
			t.missing++
		}
	}
	t.id = event.ActionID(len(b.order))
	b.order = append(b.order, t)
	return nil
}
