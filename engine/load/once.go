package load

import "sync"

// once computes the value of each key at most once; whoever comes later waits.
// The zero once is ready.
type once[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]*future[V]
}

type future[V any] struct {
	done  chan struct{}
	value V
}

// get is the value of k, made by make in the first call for it.
func (o *once[K, V]) get(k K, make func() V) V {
	f, first := o.claim(k)
	if first {
		defer close(f.done)
		f.value = make()
		return f.value
	}
	<-f.done
	return f.value
}

func (o *once[K, V]) claim(k K) (f *future[V], first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok := o.values[k]; ok {
		return f, false
	}
	if o.values == nil {
		o.values = map[K]*future[V]{}
	}
	f = &future[V]{done: make(chan struct{})}
	o.values[k] = f
	return f, true
}

// len is how many values were asked for.
func (o *once[K, V]) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.values)
}
