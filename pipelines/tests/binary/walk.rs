//! A page of the documentation, followed word by word in an empty folder: files are written, changed, and commands run.
//!
//! | block | what is done |
//! |---|---|
//! | a language and a file | the file is written |
//! | `diff` and a file | its lines with `-` are found in the file and become those with `+` |
//! | `console` | each line with `$ ` is run, and says what follows it; `…` stands for anything |
//! | `text` | nothing: it is looked at |
//!
//! Any other block fails, so that nothing is shown that is not run. With `WORLDFLOW_UPDATE=1` what commands say is written
//! into the page instead, where it is not what stands there; look at it, and put `…` for what differs from run to run.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::documented::is_like;
use crate::http::ask;
use crate::process::{Process, Server};

/// Where the pages say that a server is.
const ADDRESS: &str = "127.0.0.1:7777";

/// How long a realm may take until it shows what came of the command before.
const SETTLED: Duration = Duration::from_secs(10);

/// A reader at a desk: a folder, and perhaps a server that runs.
pub(crate) struct Walk {
    folder: tempfile::TempDir,
    server: Option<Server>,
    /// How many commands have been run.
    pub(crate) commands: usize,
    /// How many files have been written or changed.
    pub(crate) files: usize,
}

/// A block of a page.
struct Block<'p> {
    /// The line, from 0, that it begins in.
    begin: usize,
    info: &'p str,
    lines: Vec<&'p str>,
}

impl Block<'_> {
    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A command of a page.
struct Command {
    command: String,
    /// What it says.
    wanted: String,
    /// The lines of the page, from 0, in which that stands.
    at: Range<usize>,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                blocks.push(Block { begin: number, info: info.trim(), lines: Vec::new() });
            }
            None if open => blocks.last_mut().expect("one is open").lines.push(line),
            None => {}
        }
    }
    assert!(!open, "the last block is not closed");
    blocks
}

/// The commands of a block; a line that ends in `\` goes on in the next.
fn commands(block: &Block<'_>) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (block.begin + 1..).zip(&block.lines) {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (_, Some(last)) if goes_on => {
                last.command.push_str(line);
                last.at = number + 1..number + 1;
            }
            (Some(command), _) => commands.push(Command {
                command: command.to_owned(),
                wanted: String::new(),
                at: number + 1..number + 1,
            }),
            (None, last) => {
                let last = last.unwrap_or_else(|| panic!("line {}: no command", number + 1));
                last.wanted.push_str(line);
                last.wanted.push('\n');
                last.at.end = number + 1;
                continue;
            }
        }
        let last = commands.last_mut().expect("there is one");
        goes_on = last.command.ends_with('\\');
        if goes_on {
            last.command.pop();
        }
    }
    commands
}

impl Walk {
    pub(crate) fn begin() -> Walk {
        let folder = tempfile::Builder::new().prefix("worldflow-walk-").tempdir().expect("a folder");
        Walk { folder, server: None, commands: 0, files: 0 }
    }

    /// Does what a page of the documentation says.
    pub(crate) async fn follow(&mut self, page: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // From the end, so that lines above keep their numbers.
        for (at, said) in self.unlike(page, &text).await.into_iter().rev() {
            lines.splice(at, said.trim_end().lines().map(str::to_owned));
        }
        let new: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if new != text {
            std::fs::write(&path, new).expect("the page can be written");
        }
    }

    /// What commands say that is not what the page says, with its lines; without `WORLDFLOW_UPDATE` that fails.
    async fn unlike(&mut self, page: &str, text: &str) -> Vec<(Range<usize>, String)> {
        let mut unlike = Vec::new();
        for block in blocks(text) {
            let at = format!("docs/{page}:{}", block.begin + 1);
            match block.info.split_once(' ') {
                Some(("diff", file)) => self.change(&at, file, &block.text()),
                Some((_, file)) => self.write(&at, file, &block.text()),
                None if block.info == "console" => {
                    for Command { command, wanted, at: lines } in commands(&block) {
                        let mut said = self.said(&at, &command).await;
                        // What is asked by HTTP has perhaps not been concluded yet: readers are slower.
                        let end = Instant::now() + SETTLED;
                        while command.starts_with("curl ") && !is_like(&said, &wanted) && Instant::now() < end
                        {
                            said = self.said(&at, &command).await;
                        }
                        self.commands += 1;
                        if is_like(&said, &wanted) {
                            continue;
                        }
                        let update = std::env::var_os("WORLDFLOW_UPDATE").is_some();
                        assert!(update, "{at}: {command}\nsays\n{said}\nand not\n{wanted}");
                        unlike.push((lines, said));
                    }
                }
                None => assert_eq!(block.info, "text", "{at}: nothing runs this block"),
            }
        }
        unlike
    }

    /// Ends the server, if one runs.
    pub(crate) fn leave(mut self) {
        self.server.take().into_iter().for_each(Server::stop);
    }

    fn at(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&mut self, at: &str, file: &str, text: &str) {
        let path = self.at(file);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{at}: {file}: {error}"));
        self.files += 1;
    }

    fn change(&mut self, at: &str, file: &str, diff: &str) {
        let path = self.at(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{at}: {file}: {error}"));
        let side = |other: char| -> String {
            let lines = diff.lines().filter(|line| !line.starts_with(other));
            lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
        };
        let (old, new) = (side('+'), side('-'));
        let found =
            text.match_indices(&old).filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n')).count();
        assert_eq!(found, 1, "{at}: these lines are to be in {file} once:\n{old}\nand it is\n{text}");
        std::fs::write(&path, text.replacen(&old, &new, 1)).expect("it was written before");
        self.files += 1;
    }

    /// What a command says.
    async fn said(&mut self, at: &str, command: &str) -> String {
        let command = match &self.server {
            Some(server) => named(server, command),
            None => command.to_owned(),
        };
        let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_matches('"')).collect();
        match words[..] {
            ["worldflow", "run", ref args @ ..] => {
                self.server.take().into_iter().for_each(Server::stop);
                let server = Server::run_in(self.folder.path(), args);
                let said = server.said().replace(&server.address, ADDRESS);
                self.server = Some(server);
                said
            }
            ["worldflow", ref args @ ..] => {
                let said = Process::start_in(self.folder.path(), args.iter().copied()).ended();
                format!("{}{}", said.stdout, said.stderr)
            }
            ["curl", ref args @ ..] => self.asked(at, args).await,
            ["cat", file] => {
                std::fs::read_to_string(self.at(file)).unwrap_or_else(|error| panic!("{at}: {file}: {error}"))
            }
            _ => panic!("{at}: readers are asked to run `{command}`"),
        }
    }

    /// What `curl` prints: a body that is sent stands in a file.
    async fn asked(&self, at: &str, args: &[&str]) -> String {
        let server = self.server.as_ref().unwrap_or_else(|| panic!("{at}: no server runs"));
        let (mut method, mut body, mut address) = ("GET", String::new(), None);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--data-binary" => {
                    let file =
                        args.next().and_then(|file| file.strip_prefix('@')).expect("a body from a file");
                    body = std::fs::read_to_string(self.at(file))
                        .unwrap_or_else(|error| panic!("{at}: {error}"));
                    method = "POST";
                }
                url => address = url.strip_prefix(&format!("http://{}", server.address)),
            }
        }
        let address = address.unwrap_or_else(|| panic!("{at}: the server is at http://{ADDRESS}"));
        ask(server, method, address, None, &body).await.body
    }
}

/// A command with this server's address and tokens.
fn named(server: &Server, command: &str) -> String {
    let mut command = command.replace(ADDRESS, &server.address);
    for role in ["GAME_SERVER", "DESIGNER", "DASHBOARD"] {
        let variable = format!("${role}");
        if command.contains(&variable) {
            command = command.replace(&variable, server.token(&role.to_lowercase()));
        }
    }
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_texts_works_as_it_says() {
    let mut walk = Walk::begin();
    walk.follow("text.md").await;
    assert!(walk.commands >= 10 && walk.files >= 6, "{} commands, {} files", walk.commands, walk.files);
    walk.leave();
}

/// What a page shows that is not so fails, whatever kind of block it stands in.
#[tokio::test]
async fn a_page_that_is_not_so_is_found_out() {
    let follows = async |page: &str| {
        let mut walk = Walk::begin();
        walk.write("page:1", "a.yaml", "a: 1\nb: 2\n");
        let page = page.to_owned();
        let walked = tokio::task::LocalSet::new();
        let walking = walked.spawn_local(async move { walk.unlike("page", &page).await.len() });
        walked.await;
        walking.await.is_ok_and(|unlike| unlike == 0)
    };
    for (page, right) in [
        ("```diff a.yaml\n a: 1\n-b: 2\n+b: 3\n```\n```console\n$ cat a.yaml\na: 1\nb: 3\n```\n", true),
        ("```diff a.yaml\n-b: 3\n+b: 2\n```\n", false),
        ("```console\n$ cat a.yaml\na: 2\n```\n", false),
        ("```console\n$ cat \\\na.yaml\na: …\n```\n", true),
        ("```console\n$ rm a.yaml\n```\n", false),
        ("```yaml\na: 1\n```\n", false),
        ("```text\nlook\n```\n", true),
    ] {
        assert_eq!(follows(page).await, right, "{page}");
    }
}
