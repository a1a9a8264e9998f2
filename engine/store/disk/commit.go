package disk

import (
	"context"
	"errors"
	"maps"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
)

// commitAll commits what is pending, in batches, until close.
func (c *Results) commitAll() {
	defer close(c.done)
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		}
		select {
		case <-c.stop:
			return
		case <-time.After(c.interval): // more will come
		}
		c.commitPending() // what fails stays pending: Flush tries again and reports it
	}
}

// commitPending writes the pending results beside their places, makes everything
// durable with one sync, and renames the results into place. Until then they are
// pending, and this process sees them; if the disk refuses them, they stay so.
func (c *Results) commitPending() error {
	c.commit.Lock()
	defer c.commit.Unlock()
	c.mu.Lock()
	batch := maps.Clone(c.pending)
	c.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	if err := c.publish(batch); err != nil {
		return c.s.writing("results of actions", err)
	}
	c.unsynced = true
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, one := range batch {
		if c.pending[key] == one {
			delete(c.pending, key)
		}
	}
	return nil
}

// publish makes the results of a batch files.
func (c *Results) publish(batch map[digest.Digest]*record) error {
	temps := map[digest.Digest]string{}
	defer func() {
		for _, tmp := range temps {
			os.Remove(tmp) // those that were renamed are not there any more
		}
	}()
	for key, one := range batch {
		tmp, err := c.s.writeTemp(formatRecord(resultFormat, one.body))
		if err != nil {
			return err
		}
		temps[key] = tmp
	}
	if err := c.s.sync(); err != nil {
		return err
	}
	for key, tmp := range temps {
		if err := c.s.files.rename(tmp, c.s.at("ac", key)); err != nil {
			return err
		}
	}
	return nil
}

// sync makes everything durable that was written to the store, by any process,
// before it was called.
func (s *Store) sync() error {
	began := s.now()
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = s.files.do("sync", s.dir, func() error {
		err := unix.Syncfs(int(dir.Fd()))
		if errors.Is(err, unix.ENOSYS) {
			unix.Sync() // waits until it is done, on Linux
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.noteSync(began)
}

// Flush returns when everything that was recorded is durable. An error says that
// the disk refused it; the results are still there for this process, and the next
// Flush tries again.
func (s *Store) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.results.flush()
}

func (c *Results) flush() error {
	if err := c.commitPending(); err != nil {
		return err
	}
	c.commit.Lock()
	defer c.commit.Unlock()
	if !c.unsynced {
		return nil
	}
	if err := c.s.sync(); err != nil {
		return c.s.writing("results of actions", err)
	}
	c.unsynced = false
	return nil
}

// close commits what is left and ends the committer.
func (c *Results) close() error {
	close(c.stop)
	<-c.done
	return c.flush()
}
