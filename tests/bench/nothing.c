/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program: what is measured when it is run is running a program. */
_Noreturn void _start(void);

_Noreturn void _start(void)
{
	__asm__ volatile("syscall" : : "a"(60), "D"(0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}
