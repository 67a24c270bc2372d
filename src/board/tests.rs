//! Boards that are folders.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("homard-board-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn board(&self) -> Board {
        Board::below(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As a Raspberry Pi 4 says it.
#[test]
fn a_pi_speaks() {
    let folder = Folder::new(
        "pi",
        &[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
            (
                "proc/meminfo",
                "MemTotal:        3884392 kB\nMemFree: 1 kB\nMemAvailable:    3000000 kB\nSwapTotal: 102396 kB\n",
            ),
            ("proc/self/status", "Name:\thomard\nVmRSS:\t   20480 kB\n"),
            (
                "proc/pressure/memory",
                "some avg10=0.00 avg60=1.25 avg300=0.10 total=5\nfull avg10=0.00 avg60=0.50 avg300=0.00 total=1\n",
            ),
            ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48686\n"),
            ("sys/class/thermal/thermal_zone1/temp", "41000\n"),
            ("sys/class/thermal/cooling_device0/type", "cpufreq\n"),
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
            ("sys/block/mmcblk0/device/life_time", "0x00 0x00\n"),
            ("sys/block/mmcblk1/device/life_time", "0x02 0x03\n"),
            (
                "proc/asound/cards",
                " 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n 1 [Device         ]: USB-Audio - USB PnP Sound Device\n                      C-Media USB PnP\n",
            ),
            (
                "proc/asound/pcm",
                "00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8\n01-00: USB Audio : USB Audio : playback 1 : capture 1\n",
            ),
        ],
    );
    let board = folder.board();
    fs::create_dir_all(folder.0.join("sys/class/rtc")).unwrap();
    fs::create_dir_all(folder.0.join("run/systemd/timesync")).unwrap();
    assert_eq!(board.model().as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
    let memory = Memory { total: 3_884_392 << 10, available: 3_000_000 << 10, swap: 102_396 << 10 };
    assert_eq!(board.memory(), Some(memory));
    assert_eq!(board.resident(), Some(20 << 20));
    assert_eq!(board.pressure("memory"), Some(Pressure { some: 1.25, full: 0.5 }));
    assert_eq!(board.pressure("io"), None);
    assert_eq!(board.limits_memory(), Some(false));
    assert_eq!(board.hottest(), Some(48.686));
    let power = Power {
        now: vec!["too little voltage", "throttled"],
        before: vec!["too little voltage", "throttled"],
    };
    assert_eq!(board.power(), Some(power));
    assert_eq!(board.wear(), [Wear { device: "mmcblk1".to_owned(), used: 30 }]);
    assert_eq!(board.has_clock(), Some(false));
    assert_eq!(board.is_synchronized(), Some(false));
    let card =
        |number, id: &str, hears| SoundCard { number, id: id.to_owned(), hears, plays: true };
    assert_eq!(
        board.sound_cards(),
        Some(vec![card(0, "Headphones", false), card(1, "Device", true)])
    );
}

/// As a Raspberry Pi 5 and a PC say it, where they differ.
#[test]
fn others_speak_a_little_differently() {
    let firmware = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled";
    let five = Folder::new(
        "pi5",
        &[
            (firmware, "0x80000\n"),
            ("sys/class/rtc/rtc0/name", "rpi-rtc\n"),
            ("run/systemd/timesync/synchronized", ""),
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n"),
        ],
    );
    let board = five.board();
    assert_eq!(board.power(), Some(Power { now: vec![], before: vec!["temperature limit"] }));
    assert_eq!((board.has_clock(), board.is_synchronized()), (Some(true), Some(true)));
    assert_eq!(board.limits_memory(), Some(true));
    let pc = Folder::new(
        "pc",
        &[
            ("sys/class/dmi/id/sys_vendor", "Intel Corporation\n"),
            ("sys/class/dmi/id/product_name", "NUC7CJYH\n"),
        ],
    );
    assert_eq!(pc.board().model().as_deref(), Some("Intel Corporation NUC7CJYH"));
}

/// What says nothing, or nonsense, has no value.
#[test]
fn silence_is_no_value() {
    let nonsense = [
        ("proc/meminfo", "MemTotal: many kB\nMemAvailable: 99999999999999999999 kB\n"),
        ("proc/self/status", "VmRSS: 18446744073709551615 kB\n"),
        ("proc/pressure/memory", "some avg60=x\n"),
        ("sys/class/thermal/thermal_zone0/temp", "hot\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "\n"),
        ("sys/block/mmcblk0/device/life_time", "?\n"),
        ("proc/asound/cards", "--- no soundcards ---\n"),
    ];
    for (folder, cards) in
        [(Folder::new("empty", &[]), None), (Folder::new("nonsense", &nonsense), Some(vec![]))]
    {
        let board = folder.board();
        assert_eq!((board.model(), board.memory(), board.resident()), (None, None, None));
        assert_eq!((board.pressure("memory"), board.hottest(), board.power()), (None, None, None));
        assert_eq!((board.limits_memory(), board.has_clock()), (None, None));
        assert_eq!((board.is_synchronized(), board.wear()), (None, vec![]));
        assert_eq!((board.sound_cards(), board.listens(1)), (cards, None));
    }
}
