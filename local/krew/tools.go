//go:build tools

// The plugin manager of kubectl and its check of manifests; `go build` is told their import paths.
package krew

import (
	_ "sigs.k8s.io/krew/cmd/krew"
	_ "sigs.k8s.io/krew/cmd/validate-krew-manifest"
)
