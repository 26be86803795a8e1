{
  "patcher": {
    "fileversion": 1,
    "appversion": {
      "major": 8,
      "minor": 5,
      "revision": 0,
      "architecture": "x64",
      "modernui": 1
    },
    "classnamespace": "box",
    "rect": [
      60.0,
      100.0,
      840.0,
      500.0
    ],
    "openinpresentation": 1,
    "default_fontsize": 11.0,
    "devicewidth": 420.0,
    "description": "Sideman: tells the daemon of the Live set, and takes its clips",
    "boxes": [
      {
        "box": {
          "id": "ready",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 3,
          "patching_rect": [
            20.0,
            20.0,
            100.0,
            22.0
          ],
          "outlettype": [
            "bang",
            "int",
            "int"
          ],
          "text": "live.thisdevice"
        }
      },
      {
        "box": {
          "id": "live",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            20.0,
            60.0,
            120.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "js sideman_live.js"
        }
      },
      {
        "box": {
          "id": "node",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            20.0,
            220.0,
            250.0,
            22.0
          ],
          "outlettype": [
            "",
            ""
          ],
          "text": "node.script sideman-node.js @autostart 1"
        }
      },
      {
        "box": {
          "id": "sort",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 5,
          "patching_rect": [
            20.0,
            260.0,
            260.0,
            22.0
          ],
          "outlettype": [
            "",
            "",
            "",
            "",
            ""
          ],
          "text": "route live status progress connected"
        }
      },
      {
        "box": {
          "id": "show",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            120.0,
            300.0,
            75.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend set"
        }
      },
      {
        "box": {
          "id": "status",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            120.0,
            340.0,
            300.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "The daemon has not answered yet.",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            140.0,
            404.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "percent",
          "maxclass": "newobj",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            220.0,
            300.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "float"
          ],
          "text": "* 100."
        }
      },
      {
        "box": {
          "id": "progress",
          "maxclass": "number",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            220.0,
            320.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "",
            "bang"
          ],
          "presentation": 1,
          "presentation_rect": [
            362.0,
            30.0,
            50.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "connected",
          "maxclass": "toggle",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            300.0,
            300.0,
            24.0,
            24.0
          ],
          "outlettype": [
            "int"
          ],
          "presentation": 1,
          "presentation_rect": [
            388.0,
            6.0,
            20.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "prompt-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            20.0,
            70.0,
            20.0
          ],
          "text": "Prompt",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            6.0,
            70.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "prompt",
          "maxclass": "textedit",
          "numinlets": 1,
          "numoutlets": 4,
          "patching_rect": [
            400.0,
            20.0,
            200.0,
            22.0
          ],
          "outlettype": [
            "",
            "int",
            "",
            ""
          ],
          "text": "bossa nova, nylon guitar",
          "presentation": 1,
          "presentation_rect": [
            80.0,
            6.0,
            270.0,
            22.0
          ],
          "keymode": 1,
          "lines": 1,
          "nosymquotes": 1
        }
      },
      {
        "box": {
          "id": "prompt-text",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            620.0,
            20.0,
            65.0,
            22.0
          ],
          "outlettype": [
            "",
            ""
          ],
          "text": "route text"
        }
      },
      {
        "box": {
          "id": "prompt-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            700.0,
            20.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend prompt"
        }
      },
      {
        "box": {
          "id": "progression-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            52.0,
            70.0,
            20.0
          ],
          "text": "Chords",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            30.0,
            70.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "progression",
          "maxclass": "textedit",
          "numinlets": 1,
          "numoutlets": 4,
          "patching_rect": [
            400.0,
            52.0,
            200.0,
            22.0
          ],
          "outlettype": [
            "",
            "int",
            "",
            ""
          ],
          "text": "Am7 | Dm7 G7 | Cmaj7 | %",
          "presentation": 1,
          "presentation_rect": [
            80.0,
            30.0,
            270.0,
            22.0
          ],
          "keymode": 1,
          "lines": 1,
          "nosymquotes": 1
        }
      },
      {
        "box": {
          "id": "progression-text",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            620.0,
            52.0,
            65.0,
            22.0
          ],
          "outlettype": [
            "",
            ""
          ],
          "text": "route text"
        }
      },
      {
        "box": {
          "id": "progression-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            700.0,
            52.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend progression"
        }
      },
      {
        "box": {
          "id": "target-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            84.0,
            70.0,
            20.0
          ],
          "text": "Into",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            54.0,
            70.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "target",
          "maxclass": "textedit",
          "numinlets": 1,
          "numoutlets": 4,
          "patching_rect": [
            400.0,
            84.0,
            200.0,
            22.0
          ],
          "outlettype": [
            "",
            "int",
            "",
            ""
          ],
          "text": "slots:Sideman",
          "presentation": 1,
          "presentation_rect": [
            80.0,
            54.0,
            270.0,
            22.0
          ],
          "keymode": 1,
          "lines": 1,
          "nosymquotes": 1
        }
      },
      {
        "box": {
          "id": "target-text",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            620.0,
            84.0,
            65.0,
            22.0
          ],
          "outlettype": [
            "",
            ""
          ],
          "text": "route text"
        }
      },
      {
        "box": {
          "id": "target-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            700.0,
            84.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend target"
        }
      },
      {
        "box": {
          "id": "bars-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            116.0,
            70.0,
            20.0
          ],
          "text": "Bars",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            80.0,
            44.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "bars",
          "maxclass": "number",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            400.0,
            116.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "",
            "bang"
          ],
          "presentation": 1,
          "presentation_rect": [
            52.0,
            80.0,
            50.0,
            22.0
          ],
          "minimum": 1,
          "maximum": 512
        }
      },
      {
        "box": {
          "id": "bars-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            470.0,
            116.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend bars"
        }
      },
      {
        "box": {
          "id": "takes-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            148.0,
            70.0,
            20.0
          ],
          "text": "Takes",
          "presentation": 1,
          "presentation_rect": [
            112.0,
            80.0,
            44.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "takes",
          "maxclass": "number",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            400.0,
            148.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "",
            "bang"
          ],
          "presentation": 1,
          "presentation_rect": [
            156.0,
            80.0,
            50.0,
            22.0
          ],
          "minimum": 1,
          "maximum": 16
        }
      },
      {
        "box": {
          "id": "takes-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            470.0,
            148.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend takes"
        }
      },
      {
        "box": {
          "id": "seed-label",
          "maxclass": "comment",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            320.0,
            180.0,
            70.0,
            20.0
          ],
          "text": "Seed",
          "presentation": 1,
          "presentation_rect": [
            216.0,
            80.0,
            44.0,
            20.0
          ]
        }
      },
      {
        "box": {
          "id": "seed",
          "maxclass": "number",
          "numinlets": 1,
          "numoutlets": 2,
          "patching_rect": [
            400.0,
            180.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "",
            "bang"
          ],
          "presentation": 1,
          "presentation_rect": [
            260.0,
            80.0,
            50.0,
            22.0
          ],
          "minimum": -1,
          "maximum": 2147483647
        }
      },
      {
        "box": {
          "id": "seed-word",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            470.0,
            180.0,
            110.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "prepend seed"
        }
      },
      {
        "box": {
          "id": "generate",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            408.0,
            212.0,
            70.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "generate",
          "presentation": 1,
          "presentation_rect": [
            8.0,
            110.0,
            70.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "next",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            484.0,
            212.0,
            50.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "next",
          "presentation": 1,
          "presentation_rect": [
            84.0,
            110.0,
            50.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "keep",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            540.0,
            212.0,
            50.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "keep",
          "presentation": 1,
          "presentation_rect": [
            140.0,
            110.0,
            50.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "cancel",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            596.0,
            212.0,
            56.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "cancel",
          "presentation": 1,
          "presentation_rect": [
            196.0,
            110.0,
            56.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "chords",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            658.0,
            212.0,
            60.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "chords",
          "presentation": 1,
          "presentation_rect": [
            258.0,
            110.0,
            60.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "drums",
          "maxclass": "message",
          "numinlets": 2,
          "numoutlets": 1,
          "patching_rect": [
            724.0,
            212.0,
            56.0,
            22.0
          ],
          "outlettype": [
            ""
          ],
          "text": "drums",
          "presentation": 1,
          "presentation_rect": [
            324.0,
            110.0,
            56.0,
            22.0
          ]
        }
      },
      {
        "box": {
          "id": "midi-in",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 1,
          "patching_rect": [
            20.0,
            400.0,
            50.0,
            22.0
          ],
          "outlettype": [
            "int"
          ],
          "text": "midiin"
        }
      },
      {
        "box": {
          "id": "midi-out",
          "maxclass": "newobj",
          "numinlets": 1,
          "numoutlets": 0,
          "patching_rect": [
            20.0,
            440.0,
            50.0,
            22.0
          ],
          "text": "midiout"
        }
      }
    ],
    "lines": [
      {
        "patchline": {
          "source": [
            "ready",
            0
          ],
          "destination": [
            "live",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "live",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "node",
            0
          ],
          "destination": [
            "sort",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "sort",
            0
          ],
          "destination": [
            "live",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "sort",
            1
          ],
          "destination": [
            "show",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "show",
            0
          ],
          "destination": [
            "status",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "sort",
            2
          ],
          "destination": [
            "percent",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "percent",
            0
          ],
          "destination": [
            "progress",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "sort",
            3
          ],
          "destination": [
            "connected",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "prompt",
            0
          ],
          "destination": [
            "prompt-text",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "prompt-text",
            0
          ],
          "destination": [
            "prompt-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "prompt-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "progression",
            0
          ],
          "destination": [
            "progression-text",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "progression-text",
            0
          ],
          "destination": [
            "progression-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "progression-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "target",
            0
          ],
          "destination": [
            "target-text",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "target-text",
            0
          ],
          "destination": [
            "target-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "target-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "bars",
            0
          ],
          "destination": [
            "bars-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "bars-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "takes",
            0
          ],
          "destination": [
            "takes-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "takes-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "seed",
            0
          ],
          "destination": [
            "seed-word",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "seed-word",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "generate",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "next",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "keep",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "cancel",
            0
          ],
          "destination": [
            "node",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "chords",
            0
          ],
          "destination": [
            "live",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "drums",
            0
          ],
          "destination": [
            "live",
            0
          ]
        }
      },
      {
        "patchline": {
          "source": [
            "midi-in",
            0
          ],
          "destination": [
            "midi-out",
            0
          ]
        }
      }
    ]
  }
}
