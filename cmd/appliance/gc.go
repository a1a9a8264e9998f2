package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/store/disk"
)

const gcLong = `Remove from the cache what was not used for the longest time.

Builds that run meanwhile lose nothing. What is removed is made again when it is
needed.`

// gcFlags are the limits.
type gcFlags struct {
	size byteCount
	days int
}

func newGC(p *program) *cobra.Command {
	var flags gcFlags
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Make the cache smaller",
		Long:  gcLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.gc(cmd.Context(), flags)
		},
	}
	cmd.Flags().Var(&flags.size, "size", "keep the most recently used, up to `SIZE`: 500MB, 20GB, 16GiB")
	cmd.Flags().IntVar(&flags.days, "age_days", 0, "remove what was not used for `N` days")
	return cmd
}

func (p *program) gc(ctx context.Context, flags gcFlags) error {
	if flags.days < 0 || flags.days > maxDays {
		return usagef("--age_days %d: want 0 to %d", flags.days, maxDays)
	}
	if flags == (gcFlags{}) {
		return usagef("no limit; want --size or --age_days")
	}
	limits := disk.Limits{Bytes: int64(flags.size), Age: time.Duration(flags.days) * 24 * time.Hour}
	return p.withStore(func(store *disk.Store) error {
		freed, err := store.GC(ctx, limits)
		if err != nil {
			return err
		}
		usage, err := store.Stat(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "removed %d results, %d trees, %d blobs: %s; left %s\n",
			freed.Results, freed.Trees, freed.Blobs, byteSize(freed.Bytes), byteSize(usage.Bytes))
		return err
	})
}

// maxDays is as many as a time.Duration can tell.
const maxDays = math.MaxInt64 / int(24*time.Hour)

// byteCount is a flag for a number of bytes, at least one, with a unit. The zero
// byteCount was not given.
type byteCount int64

// byteUnits are decimal and binary, as IEC 80000-13 has them.
var byteUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}, {"", 1},
}

func (c *byteCount) Set(s string) error {
	for _, unit := range byteUnits {
		digits, ok := strings.CutSuffix(s, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || !(n*unit.bytes >= 1 && n*unit.bytes < math.MaxInt64) {
			break
		}
		*c = byteCount(n * unit.bytes)
		return nil
	}
	return errors.New("want a size such as 500MB, 20GB or 16GiB")
}

func (c *byteCount) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*c), 10) + "B"
}

func (c *byteCount) Type() string { return "size" }
