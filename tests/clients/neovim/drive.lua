-- Does what a user does with Neovim's own client, and writes what came of it as JSON.
-- Runs unchanged from Neovim 0.7 on: what a newer version renamed is looked up under both names.

local task = vim.fn.json_decode(table.concat(vim.fn.readfile(vim.env.GREENLINT_TASK), "\n"))
local outcome = { version = tostring(vim.fn.matchstr(vim.fn.execute("version"), [[NVIM v\zs[0-9.]*]])) }
local TIMEOUT = 30000

local function save(step)
  outcome.step = step
  vim.fn.writefile({ vim.fn.json_encode(outcome) }, task.outcome)
end

local function wait_for(step, condition)
  outcome.waiting = step
  if not vim.wait(TIMEOUT, condition, 20) then
    save("gave up: " .. step)
    vim.cmd("cquit")
  end
end

local function start_client()
  local config = {
    name = "greenlint",
    cmd = task.command,
    root_dir = task.folder,
    workspace_folders = { { uri = vim.uri_from_fname(task.folder), name = "project" } },
    capabilities = vim.lsp.protocol.make_client_capabilities(),
  }
  if vim.lsp.start then
    vim.lsp.start(config)
  else
    vim.lsp.buf_attach_client(0, vim.lsp.start_client(config))
  end
end

local function buffer_text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n") .. "\n"
end

-- A diagnostic may outlive the lines it was about for a moment.
local function covered(each)
  local lines = vim.api.nvim_buf_get_lines(0, each.lnum, each.end_lnum + 1, false)
  if #lines == 0 then
    return ""
  end
  if each.lnum ~= each.end_lnum then
    return lines[1]:sub(each.col + 1) .. "..."
  end
  return lines[1]:sub(each.col + 1, each.end_col)
end

local function code_of(each)
  return each.code or (((each.user_data or {}).lsp or {}).code)
end

local function diagnostics()
  local found = {}
  for _, each in ipairs(vim.diagnostic.get(0)) do
    table.insert(found, {
      line = each.lnum + 1,
      text = covered(each),
      severity = string.lower(vim.diagnostic.severity[each.severity]),
      code = code_of(each),
      source = each.source,
    })
  end
  table.sort(found, function(one, other) return one.line < other.line end)
  return found
end

local function wait_for_codes(step, codes)
  wait_for(step, function()
    local found = {}
    for _, each in ipairs(diagnostics()) do
      table.insert(found, each.code)
    end
    return vim.deep_equal(found, codes)
  end)
end

local function go_to(code)
  for _, each in ipairs(vim.diagnostic.get(0)) do
    if code_of(each) == code then
      vim.api.nvim_win_set_cursor(0, { each.lnum + 1, each.col })
    end
  end
end

-- The menu in which a user picks an action.
local function choose(step, kind, title)
  local before, titles = buffer_text(), nil
  vim.ui.select = function(items, options, on_choice)
    titles = {}
    local chosen
    for index, item in ipairs(items) do
      table.insert(titles, options.format_item and options.format_item(item) or tostring(item))
      if vim.startswith(titles[index], title) then
        chosen = index
      end
    end
    on_choice(items[chosen], chosen)
  end
  -- Neovim 0.7 takes the context itself, newer ones take it under a name.
  local context = { only = { kind } }
  vim.lsp.buf.code_action(vim.fn.has("nvim-0.8") == 1 and { context = context } or context)
  wait_for(step, function() return titles ~= nil and buffer_text() ~= before end)
  return titles
end

local function hover()
  local text
  vim.lsp.buf.hover()
  wait_for("hover", function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      if vim.api.nvim_win_get_config(window).relative ~= "" then
        text = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, true), "\n")
        vim.api.nvim_win_close(window, true)
        return true
      end
    end
    return false
  end)
  return text
end

local function drive()
  vim.o.swapfile = false
  vim.cmd("edit " .. vim.fn.fnameescape(task.file))
  vim.bo.filetype = "python"
  start_client()
  wait_for_codes("diagnostics", task.codes)
  outcome.diagnostics = diagnostics()

  go_to(task.quick_fix.code)
  outcome.hover = hover()
  outcome.titles = choose("quick fix", "quickfix", task.quick_fix.title)
  wait_for_codes("diagnostics after the quick fix", { task.safe })
  outcome.after_quick_fix = buffer_text()

  choose("fix all", "source.fixAll.greenlint", "greenlint: fix all")
  wait_for_codes("diagnostics after fixing all", {})
  outcome.after_fix_all = buffer_text()

  vim.api.nvim_buf_set_lines(0, -1, -1, true, { task.waste })
  wait_for_codes("diagnostics after an edit", { task.quick_fix.code })

  go_to(task.quick_fix.code)
  choose("suppression", "quickfix", task.suppression)
  wait_for_codes("diagnostics after a suppression", {})
  -- The server asks for the reason to be selected after the edit; versions before 0.9 cannot show a place.
  if vim.fn.has("nvim-0.9") == 1 then
    wait_for("the place of the reason", function()
      local cursor = vim.api.nvim_win_get_cursor(0)
      return vim.startswith(vim.api.nvim_get_current_line():sub(cursor[2] + 1), "<reason>")
    end)
  end
  outcome.after_suppression = buffer_text()
  save("done")
end

local fine, problem = pcall(drive)
if not fine then
  save("failed: " .. tostring(problem))
end
vim.cmd("qall!")
