; Windows knows a file by what follows the last dot of its name. For JSON lines Glassbox is one choice of "Open with", and
; takes nothing from whoever opens them now; the archives are registered by electron-builder.
!macro customInstall
  WriteRegStr SHELL_CONTEXT "Software\Classes\Glassbox.Telemetry" "" "OpenTelemetry data"
  WriteRegStr SHELL_CONTEXT "Software\Classes\Glassbox.Telemetry\DefaultIcon" "" "$appExe,0"
  WriteRegStr SHELL_CONTEXT "Software\Classes\Glassbox.Telemetry\shell\open\command" "" '"$appExe" "%1"'
  WriteRegNone SHELL_CONTEXT "Software\Classes\.jsonl\OpenWithProgids" "Glassbox.Telemetry"
!macroend

!macro customUnInstall
  DeleteRegValue SHELL_CONTEXT "Software\Classes\.jsonl\OpenWithProgids" "Glassbox.Telemetry"
  DeleteRegKey SHELL_CONTEXT "Software\Classes\Glassbox.Telemetry"
!macroend
