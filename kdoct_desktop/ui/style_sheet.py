"""The one style sheet, with ``$role`` where a token of the theme goes."""

SHEET = """
* { color: $text; }
QWidget#window, QWidget#page { background: $window; }
QWidget#panel, QScrollArea#panel, QWidget#header, QWidget#rail, QWidget#status {
    background: $panel; border: none; }
QWidget#header { border-bottom: 1px solid $line; }
QWidget#rail { border-right: 1px solid $line; }
QWidget#status { border-top: 1px solid $line; }
QWidget#left { background: $panel; border-right: 1px solid $line; }
QWidget#right { background: $panel; border-left: 1px solid $line; }
QWidget#canvas { background: #000000; }
QWidget#raised { background: $raised; border: 1px solid $line; border-radius: 6px; }
QWidget#drop { background: $panel; border: 1px dashed $second; border-radius: 6px; }
QWidget#drop[over="true"] { border: 2px solid $focus; background: $raised; }
QScrollArea, QScrollArea > QWidget > QWidget#content { background: transparent; border: none; }

QLabel { background: transparent; }
QLabel[role="second"] { color: $second; }
QLabel[role="small"] { color: $second; font-size: $small; }
QLabel[role="heading"] { font-size: $heading; font-weight: 600; }
QLabel[role="finding"] { font-size: $finding; font-weight: 600; }
QLabel[role="section"] { color: $second; font-size: $small; font-weight: 600; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="problem"] { color: $problem; }
QLabel[role="small-warning"] { color: $warning; font-size: $small; }
QFrame#rule { background: $line; border: none; }
QPushButton[kind="chip"] { padding: 0 4px; }
QPushButton[kind="chip"]:focus { padding: 0 3px; }

QPushButton, QToolButton {
    background: $raised; border: 1px solid $line; border-radius: 6px; padding: 0 12px;
    min-height: 32px; }
QPushButton:hover, QToolButton:hover { border-color: $second; }
QPushButton:pressed, QToolButton:pressed { background: $line; }
QPushButton:focus, QToolButton:focus {
    border: 2px solid $focus; padding: 0 11px; min-height: 30px; }
QPushButton:disabled, QToolButton:disabled { color: $disabled; border-color: $line; }
QPushButton:checked, QToolButton:checked { border-color: $action; color: $action; }
QPushButton[kind="main"] {
    background: $action; border-color: $action; color: $on_action; font-weight: 600;
    min-height: 38px; }
QPushButton[kind="main"]:hover { border-color: $text; }
QPushButton[kind="main"]:focus { border: 2px solid $text; min-height: 36px; }
QPushButton[kind="main"]:disabled {
    background: $raised; border-color: $line; color: $disabled; }
QPushButton[kind="tall"] { min-height: 38px; }
QPushButton[kind="tall"]:focus { min-height: 36px; }
QPushButton[kind="row"] {
    background: transparent; border: 1px solid transparent; min-height: 38px; }
QPushButton[kind="row"]:hover { background: $raised; }
QPushButton[kind="row"]:focus { border: 2px solid $focus; min-height: 36px; }
QPushButton[kind="quiet"] { background: transparent; border-color: transparent; color: $action; }
QPushButton[kind="quiet"]:hover { border-color: $line; }
QPushButton[kind="quiet"]:focus { border: 2px solid $focus; }
QPushButton[kind="eye"] { padding: 0 16px; }
QPushButton[kind="eye"]:checked { background: $window; border: 1px solid $action; color: $text; }
QPushButton[kind="eye"]:focus { border: 2px solid $focus; padding: 0 15px; }
QToolButton[kind="rail"] {
    background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 0;
    min-height: 40px; }
QToolButton[kind="rail"]:hover { background: $raised; }
QToolButton[kind="rail"]:checked { background: $raised; border-color: transparent; }
QToolButton[kind="rail"]:focus { border: 2px solid $focus; }

QWidget#tools QToolButton {
    background: rgba(31, 38, 44, 200); border: 1px solid #2B343C; padding: 0; min-height: 30px; }
QWidget#tools QToolButton:hover { border-color: #A3B1BC; }
QWidget#tools QToolButton:checked { border-color: #58B0E3; }
QWidget#tools QToolButton:focus { border: 2px solid #58B0E3; min-height: 28px; }
QWidget#sheet { background: rgba(0, 0, 0, 150); }
QLabel[role="key"] {
    font-weight: 600; background: $window; border: 1px solid $line; border-radius: 4px;
    padding: 3px 8px; }

QLineEdit, QComboBox {
    background: $window; border: 1px solid $line; border-radius: 6px; padding: 0 8px;
    min-height: 32px; selection-background-color: $action; selection-color: $on_action; }
QLineEdit:focus, QComboBox:focus { border: 2px solid $focus; padding: 0 7px; min-height: 30px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $line; selection-background-color: $line;
    selection-color: $text; outline: none; }
QCheckBox { spacing: 8px; min-height: 32px; }
QCheckBox::indicator {
    width: 16px; height: 16px; border: 1px solid $second; border-radius: 4px;
    background: $window; }
QCheckBox::indicator:checked {
    background: $action; border-color: $action; image: url("$check"); }
QCheckBox::indicator:focus { border: 2px solid $focus; }

QListWidget {
    background: transparent; border: 1px solid transparent; border-radius: 6px; outline: none; }
QListWidget:focus { border: 2px solid $focus; }
QListWidget::item { min-height: 32px; padding: 0 8px; border-radius: 6px; }
QListWidget::item:hover { background: $raised; }
QListWidget::item:selected { background: $raised; color: $text; }
QPlainTextEdit {
    background: $window; border: 1px solid $line; border-radius: 6px; padding: 8px;
    selection-background-color: $action; selection-color: $on_action; }
QPlainTextEdit:focus { border: 2px solid $focus; }
QProgressBar {
    background: $line; border: none; border-radius: 2px; min-height: 4px; max-height: 4px; }
QProgressBar::chunk { background: $action; border-radius: 2px; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 8px 24px 8px 16px; border-radius: 4px; }
QMenu::item:selected { background: $line; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 4px 8px; }
QScrollBar:vertical { background: transparent; width: 8px; margin: 0; }
QScrollBar::handle:vertical { background: $line; border-radius: 4px; min-height: 32px; }
QScrollBar::handle:vertical:hover { background: $second; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollBar:horizontal { background: transparent; height: 8px; margin: 0; }
QScrollBar::handle:horizontal { background: $line; border-radius: 4px; min-width: 32px; }
"""
