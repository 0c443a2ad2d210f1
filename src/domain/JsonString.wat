;; Where a string of a JSON text ends, 64 bytes at a time (RFC 8259, 7). `npm run wasm` compiles it into JsonStringModule.ts.
;;
;; Of each 64 bytes there is a number of 64 bits for what matters: its lowest bit stands for the first of them.
(module
  ;; The first 256 bytes say of each byte what it is after a backslash; JsonString.ts writes them. What is looked at follows.
  (memory (export "memory") 2)
  (global $ESCAPE i32 (i32.const 1)) ;; may stand there
  (global $U i32 (i32.const 2))      ;; four hexadecimal digits have to follow
  (global $HEX i32 (i32.const 4))    ;; is such a digit

  (func $bits (param $a i32) (param $b i32) (param $c i32) (param $d i32) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (local.get $a))
        (i64.shl (i64.extend_i32_u (local.get $b)) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (local.get $c)) (i64.const 32))
        (i64.shl (i64.extend_i32_u (local.get $d)) (i64.const 48)))))

  ;; Which bytes are this one.
  (func $equal (param $a v128) (param $b v128) (param $c v128) (param $d v128) (param $wanted v128) (result i64)
    (call $bits
      (i8x16.bitmask (i8x16.eq (local.get $a) (local.get $wanted)))
      (i8x16.bitmask (i8x16.eq (local.get $b) (local.get $wanted)))
      (i8x16.bitmask (i8x16.eq (local.get $c) (local.get $wanted)))
      (i8x16.bitmask (i8x16.eq (local.get $d) (local.get $wanted)))))

  ;; Which bytes are less than this one.
  (func $less (param $a v128) (param $b v128) (param $c v128) (param $d v128) (param $limit v128) (result i64)
    (call $bits
      (i8x16.bitmask (i8x16.lt_u (local.get $a) (local.get $limit)))
      (i8x16.bitmask (i8x16.lt_u (local.get $b) (local.get $limit)))
      (i8x16.bitmask (i8x16.lt_u (local.get $c) (local.get $limit)))
      (i8x16.bitmask (i8x16.lt_u (local.get $d) (local.get $limit)))))

  (func $not (param $bits i64) (result i64) (i64.xor (local.get $bits) (i64.const -1)))

  ;; What it is after a backslash, of the byte at $at.
  (func $kind (param $at i32) (result i32) (i32.load8_u (i32.load8_u (local.get $at))))

  ;; Looks from $from on, where no escape is under way, up to $to; both are multiples of 64.
  ;;   0 or more: the string has ended before this address;
  ;;   -1: it holds what no string may, asked for by $isChecked;
  ;;   -2 and less: it goes on, and -2 minus the address where it is to be looked at again: $to, or that of the backslash
  ;;   of an escape that is not whole before $to.
  (func (export "skip") (param $from i32) (param $to i32) (param $isChecked i32) (result i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $at i32) (local $i i32) (local $kind i32)
    (local $quotes i64) (local $backslashes i64)
    (local $active i64)    ;; backslashes that are not escaped by the last byte before
    (local $runs i64)
    (local $escaped i64)   ;; what a backslash escapes
    (local $isEscaped i64) ;; 1 where the next 64 begin with such a byte
    (local $ends i64)      ;; quotes that end a string
    (local $inside i64)    ;; what stands before the first of them
    (local $left i64)      ;; escapes that are to be looked at one by one

    (local.set $at (local.get $from))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $to))
        (then
          (return
            (i32.sub (i32.const -2) (i32.sub (local.get $to) (i32.wrap_i64 (local.get $isEscaped)))))))

      (local.set $a (v128.load (local.get $at)))
      (local.set $b (v128.load offset=16 (local.get $at)))
      (local.set $c (v128.load offset=32 (local.get $at)))
      (local.set $d (v128.load offset=48 (local.get $at)))
      (local.set $quotes
        (call $equal (local.get $a) (local.get $b) (local.get $c) (local.get $d)
          (i8x16.splat (i32.const 0x22))))
      (local.set $backslashes
        (call $equal (local.get $a) (local.get $b) (local.get $c) (local.get $d)
          (i8x16.splat (i32.const 0x5c))))

      ;; In a run of backslashes every other one escapes, the first of them first. The subtraction borrows through each run, so
      ;; that of it, and of the byte behind it, every other bit changes. (simdjson does it so, in its json_escape_scanner.)
      (local.set $active (i64.and (local.get $backslashes) (call $not (local.get $isEscaped))))
      (local.set $runs
        (i64.xor
          (i64.sub
            (i64.or (i64.shl (local.get $active) (i64.const 1)) (i64.const 0xaaaaaaaaaaaaaaaa))
            (local.get $active))
          (i64.const 0xaaaaaaaaaaaaaaaa)))
      (local.set $escaped (i64.xor (local.get $runs) (i64.or (local.get $backslashes) (local.get $isEscaped))))
      (local.set $isEscaped (i64.shr_u (i64.and (local.get $runs) (local.get $backslashes)) (i64.const 63)))

      (local.set $ends (i64.and (local.get $quotes) (call $not (local.get $escaped))))
      ;; Below its lowest bit; all where there is none.
      (local.set $inside
        (i64.sub (i64.and (local.get $ends) (i64.sub (i64.const 0) (local.get $ends))) (i64.const 1)))

      (if (local.get $isChecked)
        (then
          (if
            (v128.any_true
              (i8x16.lt_u
                (i8x16.min_u
                  (i8x16.min_u (local.get $a) (local.get $b))
                  (i8x16.min_u (local.get $c) (local.get $d)))
                (i8x16.splat (i32.const 0x20))))
            (then
              (if
                (i64.ne
                  (i64.and
                    (call $less (local.get $a) (local.get $b) (local.get $c) (local.get $d)
                      (i8x16.splat (i32.const 0x20)))
                    (local.get $inside))
                  (i64.const 0))
                (then (return (i32.const -1))))))

          ;; Quotes and backslashes may be escaped; others are fewer.
          (local.set $left
            (i64.and
              (i64.and (local.get $escaped) (local.get $inside))
              (call $not (i64.or (local.get $quotes) (local.get $backslashes)))))
          (block $done
            (loop $each
              (br_if $done (i64.eqz (local.get $left)))
              (local.set $i (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $left)))))
              (local.set $kind (call $kind (local.get $i)))
              (if (i32.and (local.get $kind) (global.get $U))
                (then
                  (if (i32.ge_u (i32.add (local.get $i) (i32.const 4)) (local.get $to))
                    (then (return (i32.sub (i32.const -2) (i32.sub (local.get $i) (i32.const 1))))))
                  (if
                    (i32.eqz
                      (i32.and
                        (i32.and
                          (i32.and
                            (call $kind (i32.add (local.get $i) (i32.const 1)))
                            (call $kind (i32.add (local.get $i) (i32.const 2))))
                          (i32.and
                            (call $kind (i32.add (local.get $i) (i32.const 3)))
                            (call $kind (i32.add (local.get $i) (i32.const 4)))))
                        (global.get $HEX)))
                    (then (return (i32.const -1)))))
                (else
                  (if (i32.eqz (i32.and (local.get $kind) (global.get $ESCAPE)))
                    (then (return (i32.const -1))))))
              (local.set $left (i64.and (local.get $left) (i64.sub (local.get $left) (i64.const 1))))
              (br $each)))))

      (if (i64.ne (local.get $ends) (i64.const 0))
        (then
          (return
            (i32.add (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $ends)))) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br $next))
    (unreachable)))
