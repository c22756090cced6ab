// Checker decides whether a recorded history of keys is linearizable, with Porcupine.
//
// It reads operations as a JSON array from standard input and writes a verdict as JSON. Each key
// is a register of its own. An operation whose outcome is unknown may have taken effect at any time
// after its call, or never.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Client   int    `json:"client"`
	Kind     string `json:"kind"` // put, get or cas
	Key      string `json:"key"`
	Value    string `json:"value"`
	Expected string `json:"expected"`
	Found    string `json:"found"` // what a get or a failed cas saw; "" is no key
	Done     bool   `json:"done"`  // whether a cas succeeded
	Known    bool   `json:"known"` // whether there was an answer
	Call     int64  `json:"call"`
	Return   int64  `json:"return"`
}

type verdict struct {
	Checked    int      `json:"checked"`
	Illegal    []string `json:"illegal"`
	Undecided  []string `json:"undecided"`
	Operations int      `json:"operations"`
}

var register = porcupine.Model{
	Init: func() interface{} { return "" },
	Step: func(state, input, _ interface{}) (bool, interface{}) {
		value, made := state.(string), input.(operation)
		switch {
		case made.Kind == "put":
			return true, made.Value
		case made.Kind == "get":
			return made.Found == value, value
		case !made.Known:
			if value == made.Expected {
				return true, made.Value
			}
			return true, value
		case made.Done:
			return value == made.Expected, made.Value
		default:
			return value != made.Expected && value == made.Found, value
		}
	},
	DescribeOperation: func(input, _ interface{}) string {
		made := input.(operation)
		return fmt.Sprintf("%s %s %s->%s saw %q done %t known %t", made.Kind, made.Key, made.Expected,
			made.Value, made.Found, made.Done, made.Known)
	},
}

func main() {
	patience := flag.Duration("patience", 20*time.Second, "for each key")
	picture := flag.String("picture", "", "an HTML file about the first key that is illegal")
	flag.Parse()
	var made []operation
	if err := json.NewDecoder(os.Stdin).Decode(&made); err != nil {
		fmt.Fprintln(os.Stderr, "no history on standard input:", err)
		os.Exit(2)
	}
	if err := json.NewEncoder(os.Stdout).Encode(check(made, *patience, *picture)); err != nil {
		os.Exit(2)
	}
}

func check(made []operation, patience time.Duration, picture string) verdict {
	byKey := map[string][]porcupine.Operation{}
	for _, one := range made {
		end := one.Return
		if !one.Known {
			end = math.MaxInt64
		}
		byKey[one.Key] = append(byKey[one.Key], porcupine.Operation{
			ClientId: one.Client, Input: one, Call: one.Call, Return: end,
		})
	}
	said := verdict{Checked: len(byKey), Operations: len(made), Illegal: []string{}, Undecided: []string{}}
	for key, history := range byKey {
		switch result, information := porcupine.CheckOperationsVerbose(register, history, patience); result {
		case porcupine.Illegal:
			if picture != "" && len(said.Illegal) == 0 {
				_ = porcupine.VisualizePath(register, information, picture)
			}
			said.Illegal = append(said.Illegal, key)
		case porcupine.Unknown:
			said.Undecided = append(said.Undecided, key)
		}
	}
	sort.Strings(said.Illegal)
	sort.Strings(said.Undecided)
	return said
}
