// Writes Istio's definition of a mesh configuration as JSON: for each message the JSON names of its fields with
// their types, for each enum its names. `make mesh-config` keeps the output in mesh/istio.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"google.golang.org/protobuf/reflect/protoreflect"
	mesh "istio.io/api/mesh/v1alpha1"
)

type definition struct {
	Source   string                       `json:"source"`
	License  string                       `json:"license"`
	Root     string                       `json:"root"`
	Messages map[string]map[string]string `json:"messages"`
	Enums    map[string][]string          `json:"enums"`
}

func main() {
	root := (&mesh.MeshConfig{}).ProtoReflect().Descriptor()
	found := definition{
		Source:   "istio.io/api " + version("istio.io/api"),
		License:  "Apache-2.0, Copyright Istio Authors",
		Root:     string(root.FullName()),
		Messages: map[string]map[string]string{},
		Enums:    map[string][]string{},
	}
	found.add(root)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(found); err != nil {
		panic(err)
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	panic(module + " is not in this program")
}

// add a message and all that its fields need; Google's own have a meaning of their own in JSON.
func (d *definition) add(message protoreflect.MessageDescriptor) {
	name := string(message.FullName())
	if _, known := d.Messages[name]; known || message.ParentFile().Package() == "google.protobuf" {
		return
	}
	fields := map[string]string{}
	d.Messages[name] = fields
	for i := 0; i < message.Fields().Len(); i++ {
		field := message.Fields().Get(i)
		kind := d.kind(field)
		if field.IsMap() {
			kind = fmt.Sprintf("map of %s", d.kind(field.MapValue()))
		} else if field.IsList() {
			kind = fmt.Sprintf("list of %s", kind)
		}
		fields[field.JSONName()] = kind
	}
}

func (d *definition) kind(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return ""
	case field.Message() != nil:
		d.add(field.Message())
		return string(field.Message().FullName())
	case field.Enum() != nil:
		names := []string{}
		values := field.Enum().Values()
		for i := 0; i < values.Len(); i++ {
			names = append(names, string(values.Get(i).Name()))
		}
		d.Enums[string(field.Enum().FullName())] = names
		return string(field.Enum().FullName())
	default:
		return field.Kind().String()
	}
}
