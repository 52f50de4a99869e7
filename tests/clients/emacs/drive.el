;;; drive.el --- what a user does with eglot, written down as JSON  -*- lexical-binding: t -*-

;;; Commentary:

;; Runs in batch from Emacs 28 with eglot 1.9 on.  Batch has no idle time, so what Emacs does when idle (telling the
;; server of edits, asking Flymake for diagnostics) is called for here.

;;; Code:

;; Debian's packages lie in folders of their own, which batch does not look into.
(dolist (folder (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa/*"))
  (add-to-list 'load-path folder))
(require 'cl-lib)
(require 'json)
(require 'eglot)
(require 'flymake)
(require 'python)

(defvar drive-task
  (let ((json-array-type 'list))
    (json-read-file (getenv "GREENLINT_TASK"))))
(defvar drive-outcome nil)
(defvar drive-timeout 30)

(defun drive-get (&rest path)
  "What the task holds at PATH."
  (let ((found drive-task))
    (dolist (key path found)
      (setq found (alist-get key found)))))

(defun drive-note (key value)
  "Write VALUE down as KEY."
  (push (cons key value) drive-outcome))

(defun drive-save (step)
  "Write the outcome, which ended with STEP."
  (drive-note 'step step)
  (let ((coding-system-for-write 'utf-8))
    (write-region (json-encode drive-outcome) nil (drive-get 'outcome))))

(defun drive-wait (step condition)
  "Wait until CONDITION holds; STEP says for what."
  (with-timeout (drive-timeout (error "Gave up: %s" step))
    (while (not (funcall condition))
      (accept-process-output nil 0.05))))

(defun drive-severity (diagnostic)
  "The severity of a Flymake DIAGNOSTIC, as the protocol calls it."
  (cl-case (flymake-diagnostic-type diagnostic)
    ((eglot-error :error) "error")
    ((eglot-warning :warning) "warn")
    (t "info")))

(defun drive-reported (diagnostic)
  "What the server said about a Flymake DIAGNOSTIC."
  (alist-get 'eglot-lsp-diag (flymake-diagnostic-data diagnostic)))

(defun drive-diagnostics ()
  "The diagnostics that Flymake shows, by place."
  (mapcar
   (lambda (each)
     `((line . ,(line-number-at-pos (flymake-diagnostic-beg each)))
       (text . ,(buffer-substring-no-properties (flymake-diagnostic-beg each) (flymake-diagnostic-end each)))
       (severity . ,(drive-severity each))
       (code . ,(plist-get (drive-reported each) :code))
       (source . ,(plist-get (drive-reported each) :source))))
   (sort (flymake-diagnostics) (lambda (one other) (< (flymake-diagnostic-beg one) (flymake-diagnostic-beg other))))))

(defun drive-wait-for-codes (step codes)
  "Wait until the diagnostics have these CODES; STEP says after what."
  (eglot--signal-textDocument/didChange)
  (drive-wait step (lambda ()
                     (flymake-start)
                     (equal codes (mapcar (lambda (each) (alist-get 'code each)) (drive-diagnostics))))))

(defun drive-text ()
  "The text of the buffer."
  (buffer-substring-no-properties (point-min) (point-max)))

(defun drive-range-of (code)
  "The range of the diagnostic with CODE."
  (let ((found (cl-find code (flymake-diagnostics)
                        :test #'equal :key (lambda (each) (plist-get (drive-reported each) :code)))))
    (cons (flymake-diagnostic-beg found) (flymake-diagnostic-end found))))

(defun drive-hover ()
  "What ElDoc is told at point."
  (let (text)
    (eglot-hover-eldoc-function (lambda (given &rest _) (setq text (substring-no-properties given))))
    (drive-wait "hover" (lambda () text))
    text))

(defun drive-choose (begin end kind title)
  "Pick the action that starts with TITLE, of KIND, between BEGIN and END; return the titles that were offered."
  (let ((before (drive-text))
        (last-nonmenu-event t)          ; Chosen by keyboard: else eglot pops up a menu of the mouse.
        titles)
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_prompt collection &rest _)
                 (setq titles (all-completions "" collection))
                 (cl-find title titles :test #'string-prefix-p))))
      (eglot-code-actions begin end kind t)
      (drive-wait title (lambda () (not (equal before (drive-text))))))
    titles))

(defun drive ()
  "Do everything."
  (find-file (drive-get 'file))
  (unless (derived-mode-p 'python-mode)
    (python-mode))
  (setq-local eglot-server-programs `((python-mode . ,(drive-get 'command)))
              eglot-confirm-server-initiated-edits nil)
  (apply #'eglot (eglot--guess-contact))
  (drive-wait "start" #'eglot-managed-p)
  (drive-wait-for-codes "diagnostics" (drive-get 'codes))
  (drive-note 'diagnostics (vconcat (drive-diagnostics)))
  (let* ((code (drive-get 'quick_fix 'code))
         (range (drive-range-of code)))
    (goto-char (car range))
    (drive-note 'hover (drive-hover))
    (drive-note 'titles
                (vconcat (drive-choose (car range) (cdr range) "quickfix" (drive-get 'quick_fix 'title))))
    (drive-wait-for-codes "diagnostics after the quick fix" (list (drive-get 'safe)))
    (drive-note 'after_quick_fix (drive-text))
    (drive-choose (point-min) (point-max) "source.fixAll.greenlint" "greenlint: fix all")
    (drive-wait-for-codes "diagnostics after fixing all" nil)
    (drive-note 'after_fix_all (drive-text))
    (goto-char (point-max))
    (insert (drive-get 'waste) "\n")
    (drive-wait-for-codes "diagnostics after an edit" (list code))
    (let ((found (drive-range-of code)))
      (drive-choose (car found) (cdr found) "quickfix" (drive-get 'suppression)))
    (drive-wait-for-codes "diagnostics after a suppression" nil)
    (drive-note 'after_suppression (drive-text)))
  (eglot-shutdown (eglot-current-server))
  (set-buffer-modified-p nil))

(setq make-backup-files nil
      auto-save-default nil
      eglot-sync-connect 30)
(drive-note 'version emacs-version)
(condition-case problem
    (progn (drive) (drive-save "done"))
  (error (drive-save (format "failed: %s" (error-message-string problem)))))
;;; drive.el ends here
