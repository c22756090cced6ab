//go:build tools

// An S3 service that keeps objects as files; `go build` is told its import path.
package versitygw

import (
	_ "github.com/versity/versitygw/cmd/versitygw"
)
