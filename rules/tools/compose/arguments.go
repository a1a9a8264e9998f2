package compose

// arguments of the tool "compose", as the rootfs rule writes them.
//
// Paths and patterns are relative to the root of the file system. A pattern
// without wildcards means whatever lies at that path; one with wildcards
// (doublestar's: "**" crosses directories) means what is not a directory, or, if
// it ends in a slash, directories. Modes are octal text. Owners are "user:group"
// of names or numbers.
type arguments struct {
	Origin  string  `json:"origin"` // the label of the root file system
	Layers  []layer `json:"layers"` // for each node of the input "layers", in order
	Users   []user  `json:"users"`
	Groups  []group `json:"groups"`
	Nodes   []node  `json:"nodes"`
	Rules   []rule  `json:"rules"` // applied to the composed whole
	Skip    skip    `json:"skip"`
	Machine machine `json:"machine"`
}

// layer says how one input lies in the file system.
type layer struct {
	Origin      string   `json:"origin"`       // the target it comes from
	Path        string   `json:"path"`         // where it lies, "" is the root
	FileMode    string   `json:"file_mode"`    // default 0644
	ProgramMode string   `json:"program_mode"` // of executable files; default 0755
	DirMode     string   `json:"dir_mode"`     // default 0755
	Owner       string   `json:"owner"`        // default root:root
	Rules       []rule   `json:"rules"`
	Replace     []string `json:"replace"` // patterns that may win over earlier layers

	// OnDemand takes of the layer only the shared libraries that programs need
	// and no other layer brings, with the symbolic links that lead to them.
	OnDemand bool `json:"on_demand"`
}

// rule changes what a pattern matches. One that matches nothing is an error.
type rule struct {
	Pattern string            `json:"pattern"`
	Mode    string            `json:"mode"`   // "" leaves it
	Owner   string            `json:"owner"`  // "" leaves it
	Xattrs  map[string]string `json:"xattrs"` // by full name
}

// user is an account with its home directory.
type user struct {
	Name          string   `json:"name"`
	UID           int64    `json:"uid"`
	Group         string   `json:"group"`
	Password      string   `json:"password"`       // crypt(3) hash, "*" or "!"
	EmptyPassword bool     `json:"empty_password"` // anybody may log in
	Home          string   `json:"home"`
	HomeMode      string   `json:"home_mode"` // default 0700
	CreateHome    bool     `json:"create_home"`
	Shell         string   `json:"shell"`
	Gecos         string   `json:"gecos"`
	Groups        []string `json:"groups"`
	Keys          []int    `json:"keys"` // indexes into the input "keys"
	Origin        string   `json:"origin"`
}

type group struct {
	Name    string   `json:"name"`
	GID     int64    `json:"gid"`
	Members []string `json:"members"`
}

// node is an inode that no tree can hold: a device, FIFO or socket; or a
// directory, symbolic or hard link that is easier declared than laid out.
type node struct {
	Path   string `json:"path"`
	Type   string `json:"type"` // a manifest.Type: d l h c b p s
	Mode   string `json:"mode"`
	Owner  string `json:"owner"`
	Major  uint32 `json:"major"`
	Minor  uint32 `json:"minor"`
	Target string `json:"target"`
	Origin string `json:"origin"`
}

// skip leaves out checks that do not fit a machine: patterns of paths.
type skip struct {
	Dangling  []string `json:"dangling"`  // symbolic links that may point nowhere
	Libraries []string `json:"libraries"` // names of libraries that may be missing
	Programs  []string `json:"programs"`  // files whose machine and libraries are not looked at
}

// machine is what every program of the file system must be for. The zero
// machine takes any.
type machine struct {
	ELFMachine string   `json:"elf_machine"` // as debug/elf prints it: "EM_PPC"
	ELFClass   string   `json:"elf_class"`   // "ELFCLASS32"
	ELFData    string   `json:"elf_data"`    // "ELFDATA2MSB"
	LibDirs    []string `json:"lib_dirs"`    // where the dynamic linker looks, in order
}
