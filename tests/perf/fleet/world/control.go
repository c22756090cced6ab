package main

import (
	"encoding/json"
	"net/http"
	"time"
)

// A Cover says how far the operator has come with looking at every cluster since the last reset.
type Cover struct {
	Clusters int     `json:"clusters"`
	Seen     int     `json:"seen"`
	First    float64 `json:"first"`
	Last     float64 `json:"last"`
	Longest  float64 `json:"longest"` // seconds that one cluster was not looked at
}

type counts struct {
	Calls   map[string]int `json:"calls"`
	Failed  map[string]int `json:"failed"`
	Opened  int            `json:"opened"`
	Refused int            `json:"refused"`
	Open    int            `json:"open"`
	Members int            `json:"members"`
}

type wish struct {
	Cluster string   `json:"cluster"`
	Names   []string `json:"names"`
	Value   bool     `json:"value"`
}

// controlPages is how the harness looks at the world and changes it. Every answer is JSON.
func controlPages(w *World, k *Kubelet) http.Handler {
	pages := http.NewServeMux()
	page := func(path string, answer func(wish) any) {
		pages.HandleFunc(path, func(out http.ResponseWriter, in *http.Request) {
			var asked wish
			if in.Method == http.MethodPost {
				if err := json.NewDecoder(in.Body).Decode(&asked); err != nil {
					http.Error(out, err.Error(), http.StatusBadRequest)
					return
				}
			}
			json.NewEncoder(out).Encode(answer(asked))
		})
	}
	page("/counts", func(wish) any { return w.counts() })
	page("/journal", func(wish) any { return w.takeJournal() })
	page("/reset", func(wish) any { w.reset(); return true })
	page("/cover", func(wish) any { return w.cover() })
	page("/move-leader", func(asked wish) any {
		name, _ := w.moveLeader(asked.Cluster)
		return Entry{unixNow(), asked.Cluster, "leader", name}
	})
	page("/stall", func(asked wish) any { return w.setStalled(asked.Names, asked.Value) })
	page("/lie", func(asked wish) any { return w.setLying(asked.Names, asked.Value) })
	page("/ready", func(asked wish) any { return k.reportAll(asked.Names, asked.Value) })
	return pages
}

func (w *World) counts() counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := func(from map[string]int) map[string]int {
		to := map[string]int{}
		for key, value := range from {
			to[key] = value
		}
		return to
	}
	return counts{copied(w.calls), copied(w.failed), w.opened, w.refused, w.open, len(w.byAddr)}
}

func (w *World) takeJournal() []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.journal
	w.journal = []Entry{}
	return taken
}

func (w *World) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cluster := range w.clusters {
		cluster.seen, cluster.longest = time.Time{}, 0
	}
}

func (w *World) cover() Cover {
	w.mu.Lock()
	defer w.mu.Unlock()
	cover := Cover{Clusters: len(w.clusters)}
	for _, cluster := range w.clusters {
		if cluster.seen.IsZero() {
			continue
		}
		cover.Seen++
		moment := float64(cluster.seen.UnixNano()) / 1e9
		if cover.First == 0 || moment < cover.First {
			cover.First = moment
		}
		cover.Last = max(cover.Last, moment)
		if !cluster.hangs() { // who hangs cannot tell when it was looked at
			longest := max(cluster.longest, time.Since(cluster.last))
			cover.Longest = max(cover.Longest, longest.Seconds())
		}
	}
	return cover
}

func (c *Cluster) hangs() bool {
	for _, member := range c.members {
		if member.process != nil && member.process.stalled {
			return true
		}
	}
	return false
}
