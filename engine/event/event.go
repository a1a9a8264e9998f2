package event

import (
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
)

// Event is one of the types of this package.
type Event interface{ event() }

// Sink hears events. It is called from many goroutines at once, must not block
// and cannot fail.
type Sink interface{ Hear(Event) }

// Discard hears nothing.
var Discard Sink = discard{}

type discard struct{}

func (discard) Hear(Event) {}

// Loaded: the Starlark files of a request were run.
type Loaded struct {
	Directories int
	Targets     int
	Took        time.Duration
}

// Analyzed: the rules ran; Actions is how many the plan holds.
type Analyzed struct {
	Targets int
	Actions int
	Took    time.Duration
}

// Scheduled: execution begins; Actions is how many the wanted files need.
type Scheduled struct{ Actions int }

// Note is a line for the person, from a rule's print or a recoverable trouble
// (a corrupted blob that is being rebuilt).
type Note struct{ Text string }

// ActionID numbers the actions of one build in the order of the plan.
type ActionID int

// ActionStarted: an action was not in the cache and has begun.
type ActionStarted struct {
	ID       ActionID
	Owner    label.Label
	Mnemonic string
	Message  string // for people: "Compile busybox"
	Command  string // what is run, in one line
	Time     time.Time
}

// ActionProgress: a download has this many bytes; Total is 0 while unknown.
type ActionProgress struct {
	ID          ActionID
	Done, Total int64
}

// Outcome is how an action ended.
type Outcome int

const (
	Ran       Outcome = iota // carried out now
	Cached                   // its result was in the cache
	Failed                   // it ran and failed
	Cancelled                // stopped before its end
)

// ActionFinished: an action has a result, or will have none.
type ActionFinished struct {
	ID       ActionID
	Owner    label.Label
	Mnemonic string
	Key      digest.Digest // the action digest; zero when it was never known
	Outcome  Outcome
	Took     time.Duration
	Spent    Spent
	Log      string // path of its log on this host, "" when it printed nothing
}

// Spent is what a command took of the machine; zero unless it ran now, to a good
// end.
type Spent struct {
	User, System time.Duration // of processor time, by all of its processes
	MaxRSS       int64         // the largest resident set of one process, in bytes
}

// TestStatus is what came of a test.
type TestStatus int

const (
	NoStatus TestStatus = iota // it was not run, or not to its end
	Passed
	Flaky // passed, yet not at the first attempt
	TestFailed
	TimedOut
)

// TestOutput: a test has printed these bytes.
type TestOutput struct {
	ID    ActionID
	Owner label.Label
	Text  []byte
}

// TestFinished: one run of a test has an end, after all its attempts.
type TestFinished struct {
	ID       ActionID
	Owner    label.Label
	Run      int // from 1 to Runs
	Runs     int
	Attempts int
	Status   TestStatus
	Cached   bool          // it has passed before, and was not run
	Took     time.Duration // of the last attempt
	Log      digest.Digest // what the last attempt printed, in the store; zero if nothing
	Reason   string        // why it failed: "failed with exit code 1"
}

// Executed: the scheduler is done.
type Executed struct {
	Ran, Cached, Failed, Skipped int
	Took                         time.Duration
}

func (Loaded) event()         {}
func (Analyzed) event()       {}
func (Scheduled) event()      {}
func (Note) event()           {}
func (ActionStarted) event()  {}
func (ActionProgress) event() {}
func (ActionFinished) event() {}
func (TestOutput) event()     {}
func (TestFinished) event()   {}
func (Executed) event()       {}
