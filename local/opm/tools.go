//go:build tools

// The tool for catalogs of the Operator Lifecycle Manager; `go build` is told its import path.
package opm

import _ "github.com/operator-framework/operator-registry/cmd/opm"
