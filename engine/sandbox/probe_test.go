package sandbox_test

import (
	"fmt"
	"os"
)

func runProbe(args []string) int {
	fmt.Println("hello", os.Args)
	return 3
}
